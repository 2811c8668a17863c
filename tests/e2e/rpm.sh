#!/bin/bash
# The RPM packages, built by cpack with Debian's rpmbuild: their files, dependencies and provides; installed into another root, used
# from there, upgraded over an administrator's settings, erased. Without a distribution that uses RPM: the names of its packages and
# its libraries are not tested.
. "$(dirname "$0")/lib.sh"
need cmake cpack pkcs11-tool
skip() {
  say "SKIPPED: $*"
  exit 77
}
for tool in rpmbuild rpm; do
  command -v "$tool" >/dev/null || skip "$tool is not installed (Debian: rpm)"
done
grep -q '^CMAKE_INSTALL_PREFIX:PATH=/usr$' "$build/CMakeCache.txt" || skip "the build is not for /usr, and packages are"
libdir=/usr/$(sed -n 's/^CMAKE_INSTALL_LIBDIR:PATH=//p' "$build/CMakeCache.txt")

# ---- contents ----

said=$(cpack -G RPM --config "$build/CPackConfig.cmake" -B "$work/packages" 2>&1) || { printf '%s\n' "$said" >&2; fail "cpack -G RPM"; }
refuse "cpack has no warning" "$said" "[Ww]arning"
module_rpm=$(echo "$work"/packages/jpki-pkcs11-[0-9]*.rpm)
card_rpm=$(echo "$work"/packages/jpki-virtual-card-*.rpm)
check "cpack builds one package of each" test -f "$module_rpm" -a -f "$card_rpm"
ask() { rpm --query --package "$@"; }
check "the license field is MIT" test "$(ask --queryformat '%{LICENSE}' "$module_rpm")" = MIT

contents=$(ask --list --verbose "$module_rpm")
for name in jpki-pkcs11 jpki-pkcs11-auth jpki-pkcs11-sign; do
  # rpmbuild computes a library's dependencies only if it is executable.
  expect "$name.so is in the library directory, and is executable" "$contents" "^-rwxr-xr-x .* root +root .* $libdir/$name\\.so\$"
  expect "$name.so has a link where p11-kit looks" "$contents" "^l.* $libdir/pkcs11/$name\\.so -> \\.\\./$name\\.so\$"
  needs=$(ask --queryformat '[%{FILENAMES} %{FILEREQUIRE}\n]' "$module_rpm" | grep "^$libdir/$name\\.so ")
  libcrypto=$(readelf --dynamic "$module" | sed -n 's/.*(NEEDED).*\[\(libcrypto\.so\.[0-9]*\)\]$/\1/p')
  for library in "${libcrypto:?}" libpcsclite.so.1 libstdc++.so.6 libc.so.6; do
    says "rpmbuild computed the dependency on $library" "$library(" echo "$needs"
  done
done
for path in /usr/bin/jpki-tool /usr/share/p11-kit/modules/jpki-pkcs11.module /usr/share/p11-kit/modules/jpki-pkcs11-auth.module \
  /usr/share/man/man7/jpki-pkcs11.7.gz /usr/share/man/man5/jpki-pkcs11.toml.5.gz /usr/share/man/man1/jpki-tool.1.gz \
  /usr/share/doc/jpki-pkcs11/README.md /usr/share/doc/jpki-pkcs11/copyright /usr/share/doc/jpki-pkcs11/examples/openssl-provider.cnf; do
  expect "$path is in it" "$contents" " root +root .* $path\$"
done
refuse "it does not contain the virtual card" "$contents" "virtual-card"
refuse "it has no files for Debian only" "$contents$(ask --list "$card_rpm")" "lintian|changelog\\.Debian"
refuse "all files belong to root and are writable only by root" "$(grep -v '^l' <<<"$contents")" "^.(....w|.......w)|^[^ ]+ +[0-9]+ (r[^o]|[^r])"
for package in "$module_rpm" "$card_rpm"; do
  refuse "${package##*/} owns no directory of another package" \
    "$(ask --list --verbose "$package" | sed -n 's/^d.* \//\//p' | grep -Ev '^/usr/share/doc/jpki-|^/usr/lib/\.build-id')" .
done
check "the settings are the only configuration file" test "$(ask --configfiles "$module_rpm")" = /etc/jpki-pkcs11.toml
refuse "it provides only its own name" "$(ask --provides "$module_rpm")" "^[^j]|^jpki-pkcs11[^ (]"
recommended=$(ask --recommends "$module_rpm")
expect "it recommends pcscd" "$recommended" "^pcsc-lite\$"
expect "it recommends the readers' driver" "$recommended" "^pcsc-lite-ccid\$"
refuse "it requires neither pcscd nor the driver" "$(ask --requires "$module_rpm")" "^pcsc-lite"

# ---- installed, into another root ----

root=$work/root
mkdir -p "$root"
in_root() { rpm --root "$root" "$@"; }
in_root --initdb 2>root.log || skip "rpm cannot use another root here: $(cat root.log)"
# The dependencies are not in that root; the machine has them.
check "rpm installs the packages" in_root --install --nodeps "$module_rpm" "$card_rpm"
check "rpm verifies the installed files" in_root --verify --nodeps jpki-pkcs11 jpki-virtual-card
refuse "the module has no run path" "$(readelf --dynamic "$root$libdir/jpki-pkcs11.so")" "R(UN)?PATH"

virtual_card=$root/usr/bin/jpki-virtual-card
module=$root$libdir/pkcs11/jpki-pkcs11.so
start_card
printf 'To be signed.\n' >data
certificates
check "pkcs11-tool signs with the module of the package" p11 --token-label "$sign_token" --login --pin "$sign_pin" --sign --id "$sign_id" \
  --mechanism SHA256-RSA-PKCS --input-file data --output-file data.sig
verified "openssl verifies the signature" sha256 sign.pub data.sig data
stop_card

# ---- upgraded over an administrator's settings, and erased ----

printf '[pin]\nkeep_last_try = true\n' >"$root/etc/jpki-pkcs11.toml"
cp "$root/etc/jpki-pkcs11.toml" administrators.toml
check "rpm installs the same package again" in_root --install --nodeps --replacepkgs "$module_rpm"
check "a second installation keeps the administrator's settings" cmp "$root/etc/jpki-pkcs11.toml" administrators.toml
check "rpm erases the packages" in_root --erase jpki-pkcs11 jpki-virtual-card
refuse "only the changed settings stay" \
  "$(find "$root/etc" "$root/usr" -name '*jpki*' ! -name 'jpki-pkcs11.toml.rpmsave')" .
check "the changed settings are kept as .rpmsave" cmp "$root/etc/jpki-pkcs11.toml.rpmsave" administrators.toml
