#!/bin/bash
# jpki-tool register: the databases that browsers use and no other, one entry of ours and nobody else's, nothing while a program
# uses one, pkcs11.txt as before whatever fails; modutil of NSS sees the module. (chromium.sh, firefox.sh: browsers use it.)
. "$(dirname "$0")/lib.sh"
. "$here/lib-tool.sh"
need certutil modutil python3

register() { "$tool" register "$@" --module "$module_auth"; }
libraries() { modutil -dbdir "sql:$1" -list 2>/dev/null | sed -n 's|^.*library name: \(.*/jpki-pkcs11[^/]*\)$|\1|p'; }
database() { mkdir -p "$1" && certutil -N --empty-password -d "sql:$1"; }
# user DIRECTORY: from here on that is the home.
user() {
  export HOME=$work/$1 XDG_CONFIG_HOME=$work/$1/.config
  mkdir -p "$HOME"
}
# registered_in DESCRIPTION DIRECTORY: the module for browsers is in that database, once, and NSS loads it.
registered_in() {
  check "$1: registered in ${2#"$work"/}" test "$(libraries "$2")" = "${3-$module_auth}"
}
states() { json "' '.join(p['state'] for p in d['result']['profiles'])"; }
# profiles_ini DIRECTORY PATH...: a profiles.ini as Firefox writes it
profiles_ini() {
  local directory=$1 number=0 path
  shift
  mkdir -p "$directory"
  for path in "$@"; do
    printf '[Profile%d]\nName=p%d\nIsRelative=%d\nPath=%s\n\n' "$number" "$number" "$([[ $path == /* ]] && echo 0 || echo 1)" "$path"
    number=$((number + 1))
  done >"$directory/profiles.ini"
  printf '[General]\nStartWithLastProfile=1\nVersion=2\n\n[Install3B6073811A6ABF12]\nDefault=elsewhere\nLocked=1\n' >>"$directory/profiles.ini"
}

# ---- Firefox: both folders, every profile, a name with spaces and Japanese letters, a profile elsewhere ----
user fox
exits 19 "no profile at all" register firefox
expect "what to do" "$said" "Start Firefox once"
old=$HOME/.mozilla/firefox new=$XDG_CONFIG_HOME/mozilla/firefox
database "$old/abc.default"
database "$old/花子 の プロファイル"
database "$new/new.default-release"
database "$HOME/else where"
mkdir -p "$old/never.started"
database "$old/unlisted"
profiles_ini "$old" abc.default "花子 の プロファイル" never.started gone.default "$HOME/else where"
profiles_ini "$new" new.default-release
for profile in "$old/abc.default" "$old/花子 の プロファイル" "$new/new.default-release" "$HOME/else where"; do
  cp "$profile/pkcs11.txt" "$profile/before"
done
said=$(register firefox --dry-run) || fail "--dry-run"
expect "--dry-run says what would be done" "$said" "would be registered"
check "and does nothing" cmp "$old/abc.default/pkcs11.txt" "$old/abc.default/before"
exits 0 "Firefox" register firefox
for profile in "$old/abc.default" "$old/花子 の プロファイル" "$new/new.default-release" "$HOME/else where"; do
  registered_in "Firefox" "$profile"
done
check "no database is made where there was none" test ! -e "$old/never.started/cert9.db"
check "a folder that profiles.ini does not name is left alone" test -z "$(libraries "$old/unlisted")"
sum=$(sha256sum "$old/abc.default/pkcs11.txt")
exits 0 "a second time" register firefox
expect "it says so" "$said" "abc.default\): already registered"
check "and changes nothing" test "$(sha256sum "$old/abc.default/pkcs11.txt")" = "$sum"
check "as JSON" test "$("$tool" --json register firefox --module "$module_auth" | states)" = \
  "already-registered already-registered unused already-registered already-registered"
exits 0 "in Japanese" japanese register firefox
expect "registered" "$said" "すでに登録されています"
exits 0 "--remove" register firefox --remove
for profile in "$old/abc.default" "$old/花子 の プロファイル" "$new/new.default-release" "$HOME/else where"; do
  check "pkcs11.txt is as it was: ${profile##*/}" cmp "$profile/pkcs11.txt" "$profile/before"
done
exits 0 "--remove again" register firefox --remove
expect "there is nothing to do" "$said" "was not registered"

# ---- other entries: kept, and known for what they are ----
cp "$module_sign" other.so
modutil -force -dbdir "sql:$old/abc.default" -add other -libfile "$work/other.so" >/dev/null 2>&1
modutil -force -dbdir "sql:$old/abc.default" -add "My Number Card" -libfile "$module_sign" >/dev/null 2>&1
modutil -force -dbdir "sql:$new/new.default-release" -add jpki -libfile "$module_auth" >/dev/null 2>&1
exits 0 "after a move of the module, and beside one registered by hand" register firefox
expect "the old path is replaced" "$said" "abc.default\): registered, in place of $module_sign"
registered_in "after a move" "$old/abc.default"
expect "by hand" "$said" "already registered, as \"jpki\""
check "it is not registered twice" test "$(libraries "$new/new.default-release")" = "$module_auth"
exits 0 "--remove takes ours alone" register firefox --remove
expect "another's entry stays" "$(cat "$old/abc.default/pkcs11.txt")" "^name=other$"
expect "and what was registered by hand" "$(cat "$new/new.default-release/pkcs11.txt")" "^name=jpki$"
refuse "ours is gone" "$(cat "$old/abc.default/pkcs11.txt")" "My Number Card"
printf '\nlibrary=/usr/lib/x86_64-linux-gnu/p11-kit-proxy.so\nname=p11-kit-proxy\n\n' >>"$HOME/else where/pkcs11.txt"
check "p11-kit brings the module already" test "$("$tool" --json register nss "$HOME/else where" --module "$module_auth" | states)" = by-p11-kit

# ---- while the browser runs: all is refused, nothing changed ----
cat >lock.py <<'P'
import fcntl, sys
file = open(sys.argv[1] + "/.parentlock", "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
P
before=$(cat "$old"/*/pkcs11.txt "$new"/*/pkcs11.txt | sha256sum)
coproc python3 lock.py "$old/花子 の プロファイル"
holder=$COPROC_PID
read -r _ <&"${COPROC[0]}"
exits 18 "a profile that Firefox has locked" register firefox
expect "by which process" "$said" "花子 の プロファイル\) is in use: python3 \(process $holder\)"
exits 18 "--dry-run says the same" register firefox --dry-run
exits 18 "a profile given as a directory" register nss "$old/花子 の プロファイル"
check "nothing was changed, in no profile" test "$(cat "$old"/*/pkcs11.txt "$new"/*/pkcs11.txt | sha256sum)" = "$before"
exec {COPROC[1]}>&-
wait "$holder" 2>/dev/null || true
sleep 300 &
sleeper=$!
ln -sfn "127.0.1.1:$sleeper" "$old/abc.default/lock"
exits 18 "a lock without fcntl" register firefox
expect "by which process" "$said" "sleep \(process $sleeper\)"
ln -sfn "127.0.1.1:+$sleeper" "$old/abc.default/lock"
exits 0 "a lock that a crash left, its number used again" register firefox
ln -sfn "192.0.2.7:4711" "$old/abc.default/lock"
exits 18 "another computer's" register nss "$old/abc.default" --remove
expect "it is named" "$said" "another computer, 192.0.2.7"
ln -sfn "127.0.1.1:999999999" "$old/abc.default/lock"
exits 0 "a lock of a process that is gone" register firefox --remove
rm "$old/abc.default/lock"
python3 -c 'import sys, time; f = open(sys.argv[1]); print("open", flush=True); time.sleep(300)' "$old/abc.default/cert9.db" >opened &
opener=$!
until_true 20 grep -q open opened || fail "no open database"
exits 18 "a program that has the database open" register nss "$old/abc.default"
expect "it is named" "$said" "python3 \(process $opener\)"
kill "$opener"
wait "$opener" 2>/dev/null || true

# ---- Chromium: ~/.pki/nssdb wins where it exists, and is never made ----
user new
exits 0 "without any database" register chromium
registered_in "without any database" "$HOME/.local/share/pki/nssdb"
check ".pki is not created" test ! -e "$HOME/.pki"
check "the database is its owner's alone" test "$(stat -c %a "$HOME/.local/share/pki/nssdb")" = 700
exits 0 "a second run" register chromium
expect "finds it registered" "$said" "already registered"
user elsewhere
export XDG_DATA_HOME=$HOME/data
exits 0 "with XDG_DATA_HOME" register chromium
registered_in "with XDG_DATA_HOME" "$HOME/data/pki/nssdb"
check "nothing elsewhere" test ! -e "$HOME/.pki" -a ! -e "$HOME/.local"
unset XDG_DATA_HOME
user empty
mkdir -p "$HOME/.pki/nssdb"
exits 0 "with an empty ~/.pki/nssdb: Chromium looks at the directory" register chromium
registered_in "with an empty ~/.pki/nssdb" "$HOME/.pki/nssdb"
check "nothing is created in the new place" test ! -e "$HOME/.local"
user both
database "$HOME/.pki/nssdb"
database "$HOME/.local/share/pki/nssdb"
exits 0 "with both" register chromium
registered_in "with both" "$HOME/.pki/nssdb"
check "the other one is left alone" test -z "$(libraries "$HOME/.local/share/pki/nssdb")"
mkdir -p "$XDG_CONFIG_HOME/google-chrome"
ln -sfn "$(hostname)-$sleeper" "$XDG_CONFIG_HOME/google-chrome/SingletonLock"
exits 18 "while Chrome runs" register chromium --remove
expect "it is named" "$said" "sleep \(process $sleeper\)"
ln -sfn "$(hostname)-999999999" "$XDG_CONFIG_HOME/google-chrome/SingletonLock"
exits 0 "a lock that a crash left" register chromium --remove
check "it is taken out" test -z "$(libraries "$HOME/.pki/nssdb")"
kill "$sleeper"

# ---- Snap and Flatpak: what to do ----
user sandbox
database "$HOME/snap/firefox/common/.mozilla/firefox/s.default"
profiles_ini "$HOME/snap/firefox/common/.mozilla/firefox" s.default
database "$HOME/.var/app/org.mozilla.firefox/.mozilla/firefox/f.default"
profiles_ini "$HOME/.var/app/org.mozilla.firefox/.mozilla/firefox" f.default
exits 19 "a Firefox that cannot load the module" register firefox
expect "the Snap: another package" "$said" "Use the browser from a package"
expect "the Flatpak: p11-kit's socket" "$said" "p11-kit server"
check "nothing was registered" test -z "$(libraries "$HOME/snap/firefox/common/.mozilla/firefox/s.default")"
mkdir -p "$HOME/.var/app/org.chromium.Chromium"
exits 19 "a Chromium that cannot either" register chromium
check "nothing is made for it" test ! -e "$HOME/.local"

# ---- any database; and what goes wrong leaves it as it was ----
user "nss 花子"
database "$HOME/データ ベース"
exits 0 "any database" register nss "$HOME/データ ベース"
registered_in "any database" "$HOME/データ ベース"
exits 0 "named as NSS does" register nss "sql:$HOME/データ ベース" --remove
mkdir "モ ジュール"
cp "$module_auth" "モ ジュール/jpki-pkcs11-auth.so"
exits 0 "a module whose path has spaces" "$tool" register nss "$HOME/データ ベース" --module "モ ジュール/jpki-pkcs11-auth.so"
registered_in "its path is absolute" "$HOME/データ ベース" "$work/モ ジュール/jpki-pkcs11-auth.so"
exits 19 "no database" register nss "$work"
expect "how to make one" "$said" "certutil -N"
exits 2 "no directory" "$tool" register nss
exits 2 "nothing to register in" "$tool" register
exits 14 "no module" "$tool" register nss "$HOME/データ ベース" --module /nonexistent.so
database bad
cp bad/pkcs11.txt before
exits 14 "a file that is no module" "$tool" register nss bad --module "$here/lib.sh"
expect "NSS's reason is passed on" "$said" "modutil says: .*Failed to add module"
check "pkcs11.txt is as it was" cmp bad/pkcs11.txt before
modutil -force -dbdir sql:bad -add "My Number Card" -libfile "$module_sign" >/dev/null 2>&1
cp bad/pkcs11.txt before
exits 14 "a replacement that fails" "$tool" register nss bad --module "$here/lib.sh"
check "the entry that was there is there again" cmp bad/pkcs11.txt before
exits 0 "--remove" register nss bad --remove
cp bad/pkcs11.txt before
cp bad/cert9.db whole.db
echo garbage >bad/cert9.db
exits 14 "a broken database" register nss bad
check "pkcs11.txt is as it was" cmp bad/pkcs11.txt before
cp whole.db bad/cert9.db
rm bad/pkcs11.txt
mkdir bad/pkcs11.txt
exits 14 "a directory in place of pkcs11.txt, with which modutil never ends" register nss bad
rmdir bad/pkcs11.txt
cp before bad/pkcs11.txt
mkdir path
for file in bash env python3 certutil; do ln -s "$(command -v "$file")" path/; done
exits 1 "without modutil" env PATH="$work/path" "$tool" register nss bad --module "$module_auth"
expect "how to get it" "$said" "apt install libnss3-tools"
cp bad/pkcs11.txt before
# shellcheck disable=SC2016 # for that script to expand
printf '#!/bin/bash\necho half >>bad/pkcs11.txt\nkill -TERM %s\nsleep 300\n' '$PPID' >path/modutil
chmod +x path/modutil
exits 143 "SIGTERM while modutil writes" env PATH="$work/path:$PATH" "$tool" register nss bad --module "$module_auth"
check "pkcs11.txt is as it was" cmp bad/pkcs11.txt before
printf '#!/bin/bash\nexit 0\n' >path/modutil
exits 14 "a modutil that does nothing is not believed" env PATH="$work/path:$PATH" "$tool" register nss bad --module "$module_auth"
mkdir -p small
if mount -t tmpfs -o size=160k tmpfs small 2>/dev/null; then
  cp -r bad small/full
  # What NSS adds to the file does not fit into its last page.
  printf '%*s' $((4090 - $(stat -c %s before))) '' | tr ' ' '\n' >>small/full/pkcs11.txt
  cp small/full/pkcs11.txt before
  cat /dev/zero >small/fill 2>/dev/null || true
  exits 14 "a full disk" register nss small/full
  check "pkcs11.txt is as it was" cmp small/full/pkcs11.txt before
  rm small/fill
  mount -o remount,ro small
  exits 14 "a database that cannot be written" register nss small/full
  expect "in a sentence" "$said" "Cannot write .*Read-only"
  umount small
fi
if command -v setpriv >/dev/null && chown 1 bad 2>/dev/null; then
  exits 14 "another user's database" register nss bad
  expect "whose files would become root's" "$said" "belongs to another user"
fi
