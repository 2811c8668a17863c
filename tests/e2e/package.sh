#!/bin/bash
# The Debian packages: built by cpack, inspected, installed by dpkg, used with only the installed files, upgraded over an
# administrator's changes, purged without leftovers. The machine is not changed: dpkg works on overlays of /usr,
# /etc and /var, which end with this run's mount namespace.
. "$(dirname "$0")/lib.sh"
need cmake cpack pkcs11-tool openssl python3
skip() {
  say "SKIPPED: $*"
  exit 77
}
for tool in dpkg dpkg-deb dpkg-shlibdeps file; do
  command -v "$tool" >/dev/null || skip "$tool is not installed, and without it there is no package"
done
grep -q '^CMAKE_INSTALL_PREFIX:PATH=/usr$' "$build/CMakeCache.txt" || skip "the build is not for /usr, and packages are"

# ---- contents ----

says "cpack builds the packages" "generated." cpack -G DEB --config "$build/CPackConfig.cmake" -B "$work/packages"
module_deb=$(echo "$work"/packages/jpki-pkcs11_*.deb)
card_deb=$(echo "$work"/packages/jpki-virtual-card_*.deb)
check "cpack builds one package of each" test -f "$module_deb" -a -f "$card_deb"

field() { dpkg-deb --field "$module_deb" "$1"; }
depends=$(field Depends)
# libssl3t64: the same library in Debian 13, since its change to 64 bits of time_t. libssl4: OpenSSL 4.
for library in libc6 libpcsclite1 "libssl(3|3t64|4)" "libstdc\+\+6"; do
  expect "it depends on ${library//\\/}" "$depends" "(^|, )$library( |,|\$)"
done
refuse "it does not depend on pcscd, which may run on another machine" "$depends" "pcscd"
expect "it recommends pcscd" "$(field Recommends)" "(^|, )pcscd(,|\$)"
expect "it recommends a driver for readers" "$(field Recommends)" "libccid"
check "the settings are the only conffile" test "$(dpkg-deb --ctrl-tarfile "$module_deb" | tar -xO ./conffiles)" = /etc/jpki-pkcs11.toml

contents=$(dpkg-deb --contents "$module_deb")
libdir=/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)
for name in jpki-pkcs11 jpki-pkcs11-auth jpki-pkcs11-sign; do
  expect "$name.so is in the multiarch directory" "$contents" "^-rw-r--r-- root/root .* \\.$libdir/$name\\.so\$"
  expect "$name.so has a link where p11-kit looks" "$contents" "^l.* \\.$libdir/pkcs11/$name\\.so -> \\.\\./$name\\.so\$"
done
for path in share/p11-kit/modules/jpki-pkcs11.module share/p11-kit/modules/jpki-pkcs11-auth.module \
  share/man/man7/jpki-pkcs11.7.gz share/man/man5/jpki-pkcs11.toml.5.gz share/doc/jpki-pkcs11/copyright \
  share/doc/jpki-pkcs11/changelog.Debian.gz; do
  expect "/usr/$path is in it" "$contents" "^-rw-r--r-- root/root .* \\./usr/$path\$"
done
for path in bin/jpki-tool bin/jpki-tool-git; do
  expect "/usr/$path is in it" "$contents" "^-rwxr-xr-x root/root .* \\./usr/$path\$"
done
for path in share/man/man1/jpki-tool.1.gz share/bash-completion/completions/jpki-tool share/locale/ja/LC_MESSAGES/jpki-tool.mo; do
  expect "/usr/$path is in it" "$contents" "^-rw-r--r-- root/root .* \\./usr/$path\$"
done
refuse "it does not contain the virtual card" "$contents" "virtual-card"
# Only an administrator turns an example into a policy.
refuse "it has no file in other programs' directories" "$contents" \
  "\\./(etc/(firefox|chromium|opt|ssh|ssl|polkit-1|pkcs11|pki)|usr/share/polkit-1|usr/lib/firefox)"
refuse "all files belong to root and are writable only by root" "$(grep -v '^l' <<<"$contents")" "^.(....w|.......w)|^[^ ]+ +(r[^o]|[^r])"

mkdir unpacked
dpkg-deb --extract "$module_deb" unpacked
dpkg-deb --extract "$card_deb" unpacked
for file in unpacked"$libdir"/*.so unpacked/usr/bin/jpki-virtual-card unpacked/usr/bin/jpki-tool; do
  refuse "${file##*/} is stripped" "$(readelf --wide --sections "$file")" "\\.(symtab|debug_)"
  expect "${file##*/} is bound at load time" "$(readelf --dynamic "$file")" "BIND_NOW|FLAGS.*NOW"
  refuse "${file##*/} contains no path of the build" "$(strings "$file")" "^$source_dir/"
  refuse "${file##*/} has no run path" "$(readelf --dynamic "$file")" "R(UN)?PATH"
done

if command -v lintian >/dev/null; then
  # Its other tags are information; errors and warnings need an override with a reason.
  faults=$(lintian --allow-root --display-info "$module_deb" "$card_deb" 2>&1) || true
  refuse "lintian finds no fault without an override (conf/package/*.lintian-overrides)" "$faults" "^[EW]:|rror"
  refuse "lintian finds no unused override" "$faults" "unused-override|mismatched-override"
else
  say "lintian is not installed: skipped"
fi

# ---- installed ----

[ "$JPKI_ISOLATED" = 1 ] || skip "this test mounts overlays, and mounting is not allowed here"
mkdir overlay
mount -t tmpfs -o mode=755 tmpfs overlay
for directory in usr etc var; do
  mkdir -p overlay/$directory/{before,upper,work}
  mount --bind /$directory overlay/$directory/before
  mount -t overlay -o "lowerdir=$work/overlay/$directory/before,upperdir=$work/overlay/$directory/upper,workdir=$work/overlay/$directory/work" \
    overlay /$directory 2>overlay.log || skip "cannot mount a writable overlay over /$directory: $(cat overlay.log)"
done
# In a user namespace the files belong to a user outside of it.
{ : >/var/lib/dpkg/jpki-probe && rm /var/lib/dpkg/jpki-probe; } 2>/dev/null || skip "dpkg's database cannot be written on an overlay: not root"
if dpkg-query -W jpki-pkcs11 >/dev/null 2>&1; then
  skip "jpki-pkcs11 is installed on this machine; this test needs a machine without it"
fi
for directory in usr etc; do
  [ -z "$(find /$directory -xdev -name 'jpki-*' -print -quit)" ] || skip "/$directory has files of jpki-pkcs11 without a package: $(find /$directory -xdev -name 'jpki-*' -print -quit)"
done

# dpkg fails if it asks a question. Triggers (man-db's index of all pages) are not tested.
unattended() { DEBIAN_FRONTEND=noninteractive dpkg --no-triggers "$@" </dev/null; }
check "dpkg installs the packages" unattended --install "$module_deb" "$card_deb"
check "all dependencies are installed" dpkg --audit

# From here on only installed files, with their settings.
unset JPKI_PKCS11_CONFIG JPKI_PKCS11_LOG
virtual_card=/usr/bin/jpki-virtual-card
module=jpki-pkcs11.so
start_card
printf 'To be signed.\n' >data

tokens=$(p11tool --batch --list-tokens 2>&1)
expect "GnuTLS finds the authentication token through p11-kit" "$tokens" "Label: $auth_token\$"
expect "GnuTLS finds the signature token through p11-kit" "$tokens" "Label: $sign_token\$"
check "GnuTLS finds each token once" test "$(grep -c "Label: JPKI [ud]" <<<"$tokens")" = 2
certificates
sign() { # with the signature key: MODULE SIGNATURE [OPTION...]
  local with=$1 signature=$2
  shift 2
  pkcs11-tool --module "$with" --token-label "$sign_token" --login --pin "$sign_pin" --sign --id "$sign_id" \
    --mechanism SHA256-RSA-PKCS --input-file data --output-file "$signature" "$@"
}
check "pkcs11-tool signs with the module's bare name" sign jpki-pkcs11.so data.sig
verified "openssl verifies the signature" sha256 sign.pub data.sig data
proxy=$(pkg-config --variable=proxy_module p11-kit-1)
check "pkcs11-tool signs through p11-kit's proxy" sign "$proxy" proxy.sig
verified "openssl verifies the signature" sha256 sign.pub proxy.sig data
says "GnuTLS signs through p11-kit" "ok" p11tool --batch --login --set-pin "$auth_pin" \
  --test-sign "$auth_uri;id=%$auth_id;type=private"

# p11-kit goes by the name of the program.
as() {
  (exec -a "$1" "$(command -v "$2")" "${@:3}") 2>&1
}
for browser in firefox firefox-esr chromium; do
  shown=$(as "$browser" pkcs11-tool --module "$proxy" --list-slots)
  expect "$browser sees the authentication token through p11-kit's proxy" "$shown" "token label *: $auth_token\$"
  refuse "$browser does not see the signature token" "$shown" "$sign_token"
  check "$browser sees one token" test "$(grep -c "token label *: $auth_token" <<<"$shown")" = 1
done

# ---- jpki-tool ----

expect "jpki-tool status shows the card" "$(jpki-tool status 2>&1)" "My Number Card \\(JPKIAPICCTOKEN2"
doctor=$(jpki-tool doctor 2>&1 || true)
expect "jpki-tool doctor finds the installed module" "$doctor" "The module works"
expect "jpki-tool doctor: p11-kit finds the module" "$doctor" "p11-kit finds the module"
mkdir locales
localedef -i ja_JP -f UTF-8 locales/ja_JP.UTF-8 2>/dev/null || fail "localedef makes no Japanese locale (Debian: locales)"
expect "jpki-tool finds its Japanese messages" "$(LC_ALL=ja_JP.UTF-8 LOCPATH=$work/locales jpki-tool status 2>&1)" "マイナンバーカード"

# ---- the examples, as they are installed ----

examples=/usr/share/doc/jpki-pkcs11/examples
if [ -e "$(pkg-config --variable=enginesdir libcrypto)/pkcs11.so" ]; then
  check "the example for OpenSSL's engine signs" env "OPENSSL_CONF=$examples/openssl-engine.cnf" openssl dgst -sha256 -engine pkcs11 \
    -keyform engine -sign "$sign_uri;id=%$sign_id;type=private;pin-value=$sign_pin" -out engine.sig data
  verified "openssl verifies the signature without the engine" sha256 sign.pub engine.sig data
else
  say "OpenSSL has no engine pkcs11 here (version 4 has none at all): its example is not tried"
fi
if [ -e "$(pkg-config --variable=modulesdir libcrypto)/pkcs11.so" ]; then
  check "the example for pkcs11-provider signs" env "OPENSSL_CONF=$examples/openssl-provider.cnf" openssl dgst -sha256 \
    -sign "$sign_uri;id=%$sign_id;type=private;pin-value=$sign_pin" -out provider.sig data
  verified "openssl verifies the signature without the provider" sha256 sign.pub provider.sig data
else
  say "pkcs11-provider is not installed: only the rest of its example is tested"
fi
# With the provider or without it: OpenSSL's own must be loaded, or else nothing works, not even a hash.
sed '/^pkcs11 = /d' "$examples/openssl-provider.cnf" >provider-default.cnf
says "the example for the provider loads OpenSSL's own provider" "OpenSSL Default Provider" \
  env OPENSSL_CONF="$work/provider-default.cnf" openssl list -providers
check "OpenSSL's default provider hashes" env OPENSSL_CONF="$work/provider-default.cnf" openssl dgst -sha256 data
auth_path=$(python3 -c '
import json, sys
(path,) = json.load(open(sys.argv[1] + "/firefox-policies.json"))["policies"]["SecurityDevices"]["Add"].values()
for rule in json.load(open(sys.argv[1] + "/chromium-policy.json"))["AutoSelectCertificateForUrls"]:
    json.loads(rule)["filter"]["ISSUER"]
print(path)' "$examples")
check "the example for Firefox names the module for browsers" test "$auth_path" = "$libdir/pkcs11/jpki-pkcs11-auth.so"
check "the module for browsers exists" test -f "$auth_path"
if command -v modutil >/dev/null; then
  check "jpki-tool registers the module for Chromium" jpki-tool register chromium
  expect "the module in Chromium's database exists" "$(modutil -dbdir "sql:$HOME/.local/share/pki/nssdb" -list 2>&1)" "library name: $auth_path\$"
else
  say "modutil is not installed: jpki-tool register is skipped"
fi
if command -v ssh >/dev/null; then
  expect "the example for ssh names a module" "$(ssh -G -F "$examples/ssh_config" server.example.jp 2>&1)" \
    "^pkcs11provider $auth_path\$"
fi

# ---- settings and upgrades ----

settings=/etc/jpki-pkcs11.toml
mechanisms() { pkcs11-tool --module jpki-pkcs11.so --token-label "$auth_token" --list-mechanisms 2>&1; }
expect "the default settings offer PSS" "$(mechanisms)" "RSA-PKCS-PSS"

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
expect "an upgrade replaces an unchanged settings file" "$(cat $settings)" "^# new in 1\$"

printf '[mechanisms]\npss = "off"\n[log]\nfile = "%s"\nlevel = "debug"\n' "$work/administrator.log" >$settings
cp $settings administrators.toml
refuse "the administrator's settings take effect" "$(mechanisms)" "RSA-PKCS-PSS"
check "the administrator's log file is written" test -s "$work/administrator.log"
refuse "the log reports no error in the settings" "$(cat "$work/administrator.log")" "toml:[0-9]+:"

later 2
check "an upgrade with the same default settings asks nothing" unattended --install "$work/later-2.deb"
check "an upgrade keeps the administrator's settings" cmp $settings administrators.toml
later 3 "# new in 3"
check "an upgrade with other default settings and --force-confold" unattended --force-confold --install "$work/later-3.deb"
check "--force-confold keeps the administrator's settings" cmp $settings administrators.toml
expect "--force-confold writes the new defaults to .dpkg-dist" "$(cat $settings.dpkg-dist)" "^# new in 3\$"
refuse "the administrator's settings still take effect" "$(mechanisms)" "RSA-PKCS-PSS"
check "cmake --install over the settings" env DESTDIR= cmake -DCMAKE_INSTALL_COMPONENT=module -P "$build/conf/cmake_install.cmake"
check "cmake --install keeps the administrator's settings" cmp $settings administrators.toml

# ---- removal ----

stop_card
check "dpkg removes the packages" unattended --remove jpki-pkcs11 jpki-virtual-card
check "the settings stay" cmp $settings administrators.toml
check "dpkg purges the packages" unattended --purge jpki-pkcs11 jpki-virtual-card
expect "p11-kit still lists modules" "$(p11-kit list-modules 2>&1)" "^p11-kit-trust:|token:"
refuse "p11-kit does not list the module" "$(p11-kit list-modules 2>&1)" "jpki-pkcs11"
# The overlays' upper directories have the differences; dpkg's database and ldconfig's cache are not compared.
left=$(cd overlay && for directory in usr etc var; do
  find $directory/upper -mindepth 1 -printf "%P %y\n" | while read -r path type; do
    case $directory/$path in
      var/lib/dpkg/info/jpki*) ;;
      var/lib/dpkg/* | var/log/dpkg.log | etc/ld.so.cache | var/cache/ldconfig/aux-cache) continue ;;
    esac
    if [ "$type" != d ] || [ ! -d "$directory/before/$path" ]; then printf '/%s\n' "$directory/$path"; fi
  done
done)
refuse "no file stays" "$left" .
refuse "dpkg's database has no entry" "$(dpkg-query -W -f '${Package} ${db:Status-Status}\n')" "^jpki-"
