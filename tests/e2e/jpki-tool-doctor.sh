#!/bin/bash
# jpki-tool doctor with real pcscd: it finds each fault that this test can cause, with its remedy, and sets the exit status.
. "$(dirname "$0")/lib.sh"
. "$here/lib-tool.sh"
need python3 openssl

doctor() { "$tool" doctor --module "$module" "$@"; }
finds() { # DESCRIPTION CODE VERDICT [ENVIRONMENT...]
  local description=$1 code=$2 verdict=$3 found
  shift 3
  found=$(env "$@" "$tool" --json doctor --module "$module" </dev/null 2>/dev/null) || true
  check "$description: $code is a $verdict" test "$(json "[f['verdict'] for f in d['result']['findings'] if f['code'] == '$code']" <<<"$found")" = "['$verdict']"
}
misses() { # DESCRIPTION CODE
  check "$1" test "$("$tool" --json doctor --module "$module" 2>/dev/null | json "[f for f in d['result']['findings'] if f['code'] == '$2']")" = "[]"
}

finds "no card" no-card warning
start_card --control "$JPKI_RUN_DIR/control"
finds "an ordinary card" card ok
finds "its certificate" certificate-authentication ok
finds "PSS" pss ok
finds "the module" module ok
misses "nothing is expired" expired
said=$(doctor 2>/dev/null </dev/null || true)
last=$(grep -E '^(OK|NOTE|WARNING|FAULT)' <<<"$said" | cut -d' ' -f1)
check "findings are sorted, the most severe last" test "$(sed 's/OK/1/;s/NOTE/2/;s/WARNING/3/;s/FAULT/4/' <<<"$last" | sort -c 2>&1)" = ""
expect "no VERIFY was sent" "$(control counts)" '"verify":\{"authentication":0,"signature":0\}'
expect "no signature was made" "$(control counts)" '"signatures":\{"authentication":0,"signature":0\}'

for row in "blocked reset-pin" "expired expired" "no-authentication certificate-missing-authentication"; do
  read -r kind code <<<"$row"
  swap_card "$kind"
  exits 16 "a card of the kind $kind is a fault" doctor
  check "found as $code" grep -q "\"$code\"" <(doctor --json 2>/dev/null </dev/null)
done
swap_card last-try
check "the last try is a warning" grep -q '"last-try"' <(doctor --json 2>/dev/null </dev/null)
swap_card child
finds "no signature certificate" certificate-missing-signature note
swap_card no-pss
finds "a card without PSS" pss note
swap_card foreign
finds "a card of another kind" card-foreign warning
swap_card adult

# The module.
exits 16 "a missing module" "$tool" doctor --module /nonexistent/module.so
expect "doctor names the missing module" "$said" "/nonexistent/module.so is not there"
exits 16 "a file that is not a module" "$tool" doctor --module "$here/lib.sh"
expect "doctor says that the file cannot be used" "$said" "cannot be used"

# Another program has the reader exclusively.
hold_reader
exits 16 "a reader that is held exclusively is a fault" doctor
expect "doctor names the program that holds the reader" "$said" "held exclusively; connected to pcscd: .*python3 \(process $holder\)"
release_reader

# p11-kit, and OpenSC's module beside ours: in a directory of this test, mounted over p11-kit's.
if [ "$JPKI_ISOLATED" = 1 ] && command -v p11-kit >/dev/null; then
  modules=$(pkg-config --variable=p11_module_configs p11-kit-1)
  mkdir modules
  mount --bind modules "$modules"
  finds "p11-kit does not know the module" p11-kit fault
  printf 'module: %s\n' "$module" >modules/jpki-pkcs11.module
  finds "p11-kit knows the module" p11-kit ok
  misses "no other module knows the card" opensc-double
  opensc=$(find /usr/lib -name opensc-pkcs11.so -print -quit)
  if [ -n "$opensc" ]; then
    printf 'module: %s\n' "$opensc" >modules/opensc-pkcs11.module
    finds "OpenSC shows the card too" opensc-double warning
    printf 'app default {\n  card_drivers = openpgp;\n}\n' >opensc.conf
    export OPENSC_CONF=$work/opensc.conf
    misses "card_drivers without jpki removes the second pair of tokens" opensc-double
    unset OPENSC_CONF
    printf 'module: %s\nenable-in: opensc\n' "$opensc" >modules/opensc-pkcs11.module
    misses "enable-in removes the second pair of tokens" opensc-double
  fi
  umount "$modules"
fi

# The report: what a developer needs, and no personal data.
doctor --report report.txt >/dev/null 2>&1 </dev/null || true
report=$(cat report.txt)
expect "the ATR" "$report" "ATR 3BE000FF8131FE4514"
expect "status words" "$report" "0020 0098 -> 63C3"
"$tool" cert auth --der --output auth.der 2>/dev/null
serial=$(openssl x509 -inform der -in auth.der -noout -serial | sed 's/.*=//')
subject=$(openssl x509 -inform der -in auth.der -noout -subject -nameopt multiline | sed -n 's/.*commonName *= //p')
until_date=$(openssl x509 -inform der -in auth.der -noout -enddate | awk '{print $4}')
refuse "no serial number" "$report" "$serial"
refuse "no code of the holder" "$report" "$subject"
refuse "no expiry date, which is a birthday" "$report" "$until_date-|/$until_date|$until_date年"
refuse "no name" "$report" "花子|東京都"
refuse "no home directory" "$report" "$HOME"
exits 14 "a report that cannot be written" doctor --report nowhere/report.txt

# Browsers' profiles.
mkdir -p "$HOME/.mozilla/firefox/abc.default" "$XDG_CONFIG_HOME/mozilla/firefox/new.default" "$HOME/.pki/nssdb" \
  "$HOME/snap/firefox/common/.mozilla/firefox/s.default" "$HOME/.var/app/org.mozilla.firefox/.mozilla/firefox/f.default"
for profile in "$HOME"/.mozilla/firefox/abc.default "$XDG_CONFIG_HOME"/mozilla/firefox/new.default "$HOME"/.pki/nssdb \
  "$HOME"/snap/firefox/common/.mozilla/firefox/s.default "$HOME"/.var/app/org.mozilla.firefox/.mozilla/firefox/f.default; do
  : >"$profile/cert9.db"
  case $profile in
    *default) printf '[Profile0]\nName=p\nIsRelative=1\nPath=%s\n' "${profile##*/}" >"${profile%/*}/profiles.ini" ;;
  esac
done
printf 'library=%s\nname=My Number Card\n\n' "$module_auth" >"$HOME/.mozilla/firefox/abc.default/pkcs11.txt"
finds "a registered Firefox" browser ok
misses "the registered module exists" browser-module-missing
printf 'library=/nonexistent/jpki-pkcs11-auth.so\nname=My Number Card\n\n' >"$HOME/.mozilla/firefox/abc.default/pkcs11.txt"
finds "a registered module that is gone" browser-module-missing warning
finds "a Snap" browser-snap note
finds "a Flatpak" browser-flatpak note
expect "the remedy is jpki-tool register" "$(doctor 2>/dev/null </dev/null || true)" "jpki-tool register firefox"
check "doctor finds the new directories of Firefox and Chromium" test \
  "$("$tool" --json doctor --module "$module" 2>/dev/null | json "len([f for f in d['result']['findings'] if f['code'] == 'browser-not-registered'])")" = 2

# pcscd that rejects, uses another protocol version, or does not run: a socket of this test in its place.
cat >service.py <<'P'
import os, socket, struct, sys
path, mode = sys.argv[1:]
if os.path.exists(path): os.unlink(path)
server = socket.socket(socket.AF_UNIX)
server.bind(path)
if mode != "refused": server.listen(8)
print("ready", flush=True)
while mode != "refused":
    client, _ = server.accept()
    if mode == "version":
        while True:
            data = client.recv(20)
            if len(data) < 20: break
            client.sendall(struct.pack("=iiI", 9, 9, 0x8010001D))  # SCARD_E_NO_SERVICE
    client.close()
P
for row in "closed pcscd-refused" "version pcscd-version"; do
  read -r mode code <<<"$row"
  coproc python3 service.py "$work/socket" "$mode"
  service=$COPROC_PID
  read -r _ <&"${COPROC[0]}"
  finds "pcscd: $mode" "$code" fault "PCSCLITE_CSOCK_NAME=$work/socket"
  kill "$service"
  wait "$service" 2>/dev/null || true
done
rm -f "$work/socket"
finds "pcscd is not running" pcscd-stopped fault "PCSCLITE_CSOCK_NAME=$work/socket"
japanese "$tool" doctor --module "$module" >ja.txt 2>/dev/null </dev/null || true
expect "in Japanese" "$(cat ja.txt)" "正常 .*pcscd が応答しています"
stop_card
