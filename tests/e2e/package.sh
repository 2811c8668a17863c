#!/bin/bash
# The Debian packages: built by cpack, looked at, installed by dpkg, used by what they install alone, upgraded over an
# administrator's changes, purged without a trace. Nothing of this reaches the machine: dpkg works on overlays of /usr,
# /etc and /var, which end with this run's mount namespace.
. "$(dirname "$0")/lib.sh"
need cmake cpack pkcs11-tool openssl python3
skip() {
  say "SKIPPED: $*"
  exit 77
}
for tool in dpkg dpkg-deb dpkg-shlibdeps; do
  command -v "$tool" >/dev/null || skip "$tool is not installed, and without it there is no package"
done
grep -q '^CMAKE_INSTALL_PREFIX:PATH=/usr$' "$build/CMakeCache.txt" || skip "the build is not for /usr, and packages are"

# ---- what is in them ----

says "cpack builds the packages" "generated." cpack -G DEB --config "$build/CPackConfig.cmake" -B "$work/packages"
module_deb=$(echo "$work"/packages/jpki-pkcs11_*.deb)
card_deb=$(echo "$work"/packages/jpki-virtual-card_*.deb)
check "there is one of each" test -f "$module_deb" -a -f "$card_deb"

field() { dpkg-deb --field "$module_deb" "$1"; }
depends=$(field Depends)
# libssl3t64: the same library in Debian 13, after its change to 64 bits of time_t.
for library in libc6 libpcsclite1 "libssl3(t64)?" "libstdc\+\+6"; do
  expect "it depends on ${library//\\/}" "$depends" "(^|, )$library( |,|\$)"
done
refuse "and not on pcscd, which may be on another machine" "$depends" "pcscd"
expect "which it recommends" "$(field Recommends)" "(^|, )pcscd(,|\$)"
expect "with a driver for readers" "$(field Recommends)" "libccid"
check "the settings are the only conffile" test "$(dpkg-deb --ctrl-tarfile "$module_deb" | tar -xO ./conffiles)" = /etc/jpki-pkcs11.toml

contents=$(dpkg-deb --contents "$module_deb")
libdir=/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)
for name in jpki-pkcs11 jpki-pkcs11-auth jpki-pkcs11-sign; do
  expect "$name.so is in the multiarch directory" "$contents" "^-rw-r--r-- root/root .* \\.$libdir/$name\\.so\$"
  expect "and a link where p11-kit looks" "$contents" "^l.* \\.$libdir/pkcs11/$name\\.so -> \\.\\./$name\\.so\$"
done
for path in share/p11-kit/modules/jpki-pkcs11.module share/p11-kit/modules/jpki-pkcs11-auth.module \
  share/man/man7/jpki-pkcs11.7.gz share/man/man5/jpki-pkcs11.toml.5.gz share/doc/jpki-pkcs11/copyright \
  share/doc/jpki-pkcs11/changelog.Debian.gz; do
  expect "/usr/$path is in it" "$contents" "^-rw-r--r-- root/root .* \\./usr/$path\$"
done
refuse "nobody gets the virtual card with it" "$contents" "virtual-card"
# An example becomes a policy only by an administrator's hand.
refuse "it has nothing in the directories of others' settings" "$contents" \
  "\\./(etc/(firefox|chromium|opt|ssh|ssl|polkit-1|pkcs11|pki)|usr/share/polkit-1|usr/lib/firefox)"
refuse "all is root's, and nobody else may write" "$(grep -v '^l' <<<"$contents")" "^.(....w|.......w)|^[^ ]+ +(r[^o]|[^r])"

mkdir unpacked
dpkg-deb --extract "$module_deb" unpacked
dpkg-deb --extract "$card_deb" unpacked
for file in unpacked"$libdir"/*.so unpacked/usr/bin/jpki-virtual-card; do
  refuse "${file##*/} is stripped" "$(readelf --wide --sections "$file")" "\\.(symtab|debug_)"
  expect "its imports are bound at load" "$(readelf --dynamic "$file")" "BIND_NOW|FLAGS.*NOW"
  refuse "no path of the build is in it" "$(strings "$file")" "^$source_dir/"
  refuse "and looks for libraries nowhere else" "$(readelf --dynamic "$file")" "R(UN)?PATH"
done

if command -v lintian >/dev/null; then
  # For information and pedantry it may have more to say; errors and warnings are to be overridden with a reason.
  faults=$(lintian --allow-root --display-info "$module_deb" "$card_deb" 2>&1) || true
  refuse "lintian finds no fault that has no reason (conf/package/*.lintian-overrides)" "$faults" "^[EW]:|rror"
  refuse "and the reasons are still needed" "$faults" "unused-override|mismatched-override"
else
  say "lintian is not installed: not asked"
fi

# ---- installed ----

[ "$JPKI_ISOLATED" = 1 ] || skip "mounting is not allowed here, and this test installs nothing for real"
mkdir overlay
mount -t tmpfs -o mode=755 tmpfs overlay
for directory in usr etc var; do
  mkdir -p overlay/$directory/{before,upper,work}
  mount --bind /$directory overlay/$directory/before
  mount -t overlay -o "lowerdir=$work/overlay/$directory/before,upperdir=$work/overlay/$directory/upper,workdir=$work/overlay/$directory/work" \
    overlay /$directory 2>overlay.log || skip "the kernel lays no writable overlay over /$directory: $(cat overlay.log)"
done
# In a user namespace the files belong to somebody who is not in it.
{ : >/var/lib/dpkg/jpki-probe && rm /var/lib/dpkg/jpki-probe; } 2>/dev/null || skip "dpkg's database cannot be written, not even on an overlay: not root"
if dpkg-query -W jpki-pkcs11 >/dev/null 2>&1; then
  skip "jpki-pkcs11 is installed on this machine; this test is about a machine where it is not"
fi
for directory in usr etc; do
  [ -z "$(find /$directory -xdev -name 'jpki-*' -print -quit)" ] || skip "something of jpki-pkcs11 is in /$directory without a package: $(find /$directory -xdev -name 'jpki-*' -print -quit)"
done

# No question can be answered: dpkg fails if it asks one. Triggers (man-db's index of all pages) are others' work.
unattended() { DEBIAN_FRONTEND=noninteractive dpkg --no-triggers "$@" </dev/null; }
check "dpkg installs them" unattended --install "$module_deb" "$card_deb"
check "all that they depend on is there" dpkg --audit

# From here on only what was installed, with its settings.
unset JPKI_PKCS11_CONFIG JPKI_PKCS11_LOG
virtual_card=/usr/bin/jpki-virtual-card
module=jpki-pkcs11.so
start_card
printf 'To be signed.\n' >data

tokens=$(p11tool --batch --list-tokens 2>&1)
expect "GnuTLS finds the authentication token through p11-kit" "$tokens" "Label: $auth_token\$"
expect "and the signature token" "$tokens" "Label: $sign_token\$"
check "each of them once" test "$(grep -c "Label: JPKI [ud]" <<<"$tokens")" = 2
certificates
sign() { # with the signature key: MODULE SIGNATURE [OPTION...]
  local with=$1 signature=$2
  shift 2
  pkcs11-tool --module "$with" --token-label "$sign_token" --login --pin "$sign_pin" --sign --id "$sign_id" \
    --mechanism SHA256-RSA-PKCS --input-file data --output-file "$signature" "$@"
}
check "pkcs11-tool signs with the module's bare name" sign jpki-pkcs11.so data.sig
verified "and openssl agrees" sha256 sign.pub data.sig data
proxy=$(pkg-config --variable=proxy_module p11-kit-1)
check "pkcs11-tool signs through p11-kit's proxy" sign "$proxy" proxy.sig
verified "and openssl agrees" sha256 sign.pub proxy.sig data
says "GnuTLS signs through p11-kit" "ok" p11tool --batch --login --set-pin "$auth_pin" \
  --test-sign "$auth_uri;id=%$auth_id;type=private"

# p11-kit goes by the name of the program.
as() {
  (exec -a "$1" "$(command -v "$2")" "${@:3}") 2>&1
}
for browser in firefox firefox-esr chromium; do
  shown=$(as "$browser" pkcs11-tool --module "$proxy" --list-slots)
  expect "$browser sees the authentication token through p11-kit's proxy" "$shown" "token label *: $auth_token\$"
  refuse "and not the one whose certificate has a name and an address" "$shown" "$sign_token"
  check "once" test "$(grep -c "token label *: $auth_token" <<<"$shown")" = 1
done

# ---- the examples, as they are installed ----

examples=/usr/share/doc/jpki-pkcs11/examples
check "the examples for OpenSSL work" env "OPENSSL_CONF=$examples/openssl-engine.cnf" openssl dgst -sha256 -engine pkcs11 \
  -keyform engine -sign "$sign_uri;id=%$sign_id;type=private;pin-value=$sign_pin" -out engine.sig data
verified "and openssl agrees without the engine" sha256 sign.pub engine.sig data
if [ -e "$(pkg-config --variable=modulesdir libcrypto)/pkcs11.so" ]; then
  check "so does the one with pkcs11-provider" env "OPENSSL_CONF=$examples/openssl-provider.cnf" openssl dgst -sha256 \
    -sign "$sign_uri;id=%$sign_id;type=private;pin-value=$sign_pin" -out provider.sig data
  verified "and openssl agrees without the provider" sha256 sign.pub provider.sig data
else
  say "pkcs11-provider is not installed: only the rest of its example is tried"
fi
# With the provider or without it: OpenSSL's own must be loaded, or else nothing works, not even a hash.
sed '/^pkcs11 = /d' "$examples/openssl-provider.cnf" >provider-default.cnf
says "the example for the provider loads OpenSSL's own provider" "OpenSSL Default Provider" \
  env OPENSSL_CONF="$work/provider-default.cnf" openssl list -providers
check "which can hash" env OPENSSL_CONF="$work/provider-default.cnf" openssl dgst -sha256 data
auth_path=$(python3 -c '
import json, sys
(path,) = json.load(open(sys.argv[1] + "/firefox-policies.json"))["policies"]["SecurityDevices"]["Add"].values()
for rule in json.load(open(sys.argv[1] + "/chromium-policy.json"))["AutoSelectCertificateForUrls"]:
    json.loads(rule)["filter"]["ISSUER"]
print(path)' "$examples")
check "the example for Firefox names the module for browsers" test "$auth_path" = "$libdir/pkcs11/jpki-pkcs11-auth.so"
check "which is there" test -f "$auth_path"
if command -v modutil >/dev/null; then
  check "the example for Chromium registers a module" sh "$examples/chromium-nssdb.sh"
  expect "which is there" "$(modutil -dbdir "sql:$HOME/.local/share/pki/nssdb" -list 2>&1)" "library name: $auth_path\$"
else
  say "modutil is not installed: the example for Chromium is not tried"
fi
if command -v ssh >/dev/null; then
  expect "the example for ssh names a module" "$(ssh -G -F "$examples/ssh_config" server.example.jp 2>&1)" \
    "^pkcs11provider $auth_path\$"
fi

# ---- settings and upgrades ----

settings=/etc/jpki-pkcs11.toml
mechanisms() { pkcs11-tool --module jpki-pkcs11.so --token-label "$auth_token" --list-mechanisms 2>&1; }
expect "without a change the card does PSS" "$(mechanisms)" "RSA-PKCS-PSS"

# later RELEASE [LINE]: the package with a higher version, and with one line more in its settings file.
later() {
  local root=$work/later
  if [ ! -d "$root" ]; then dpkg-deb --raw-extract "$module_deb" "$root" >/dev/null; fi
  sed -i "s/^Version: .*/Version: $(field Version).$1/" "$root/DEBIAN/control"
  if [ $# -gt 1 ]; then printf '%s\n' "$2" >>"$root$settings"; fi
  dpkg-deb --root-owner-group -Znone --build "$root" "$work/later-$1.deb" >/dev/null
}
later 1 "# new in 1"
check "an upgrade" unattended --install "$work/later-1.deb"
expect "brings the new settings file where nobody changed it" "$(cat $settings)" "^# new in 1\$"

printf '[mechanisms]\npss = "off"\n[log]\nfile = "%s"\nlevel = "debug"\n' "$work/administrator.log" >$settings
cp $settings administrators.toml
refuse "the administrator's settings take effect" "$(mechanisms)" "RSA-PKCS-PSS"
check "all of them" test -s "$work/administrator.log"
refuse "and the log has no complaint of them" "$(cat "$work/administrator.log")" "toml:[0-9]+:"

later 2
check "an upgrade with the same default settings asks nothing" unattended --install "$work/later-2.deb"
check "and keeps the administrator's" cmp $settings administrators.toml
later 3 "# new in 3"
check "one with other default settings, told to keep the old" unattended --force-confold --install "$work/later-3.deb"
check "keeps the administrator's too" cmp $settings administrators.toml
expect "and lays the new ones beside it" "$(cat $settings.dpkg-dist)" "^# new in 3\$"
refuse "which still take effect" "$(mechanisms)" "RSA-PKCS-PSS"
check "as cmake --install does" env DESTDIR= cmake -DCMAKE_INSTALL_COMPONENT=module -P "$build/conf/cmake_install.cmake"
check "which keeps the administrator's as well" cmp $settings administrators.toml

# ---- and gone ----

stop_card
check "dpkg removes them" unattended --remove jpki-pkcs11 jpki-virtual-card
check "the settings stay" cmp $settings administrators.toml
check "dpkg purges them" unattended --purge jpki-pkcs11 jpki-virtual-card
expect "p11-kit is as before" "$(p11-kit list-modules 2>&1)" "^p11-kit-trust:|token:"
refuse "and knows nothing of it" "$(p11-kit list-modules 2>&1)" "jpki-pkcs11"
# What differs from before is in the overlays' upper directories; dpkg's books and ldconfig's cache are no part of it.
left=$(cd overlay && for directory in usr etc var; do
  find $directory/upper -mindepth 1 -printf "%P %y\n" | while read -r path type; do
    case $directory/$path in
      var/lib/dpkg/info/jpki*) ;;
      var/lib/dpkg/* | var/log/dpkg.log | etc/ld.so.cache | var/cache/ldconfig/aux-cache) continue ;;
    esac
    if [ "$type" != d ] || [ ! -d "$directory/before/$path" ]; then printf '/%s\n' "$directory/$path"; fi
  done
done)
refuse "nothing is left" "$left" .
refuse "not even in dpkg's books" "$(dpkg-query -W -f '${Package} ${db:Status-Status}\n')" "^jpki-"
