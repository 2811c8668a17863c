#!/bin/bash
# The RPM packages, built by cpack with Debian's rpmbuild: their files, what they need and offer; installed into a root of their own, used
# from there, upgraded over an administrator's settings, erased. No distribution that uses RPM takes part: names of its packages, and
# whether its libraries are there, are not tested.
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

# ---- what is in them ----

said=$(cpack -G RPM --config "$build/CPackConfig.cmake" -B "$work/packages" 2>&1) || { printf '%s\n' "$said" >&2; fail "cpack -G RPM"; }
refuse "cpack has no warning" "$said" "[Ww]arning"
module_rpm=$(echo "$work"/packages/jpki-pkcs11-[0-9]*.rpm)
card_rpm=$(echo "$work"/packages/jpki-virtual-card-*.rpm)
check "there is one of each" test -f "$module_rpm" -a -f "$card_rpm"
ask() { rpm --query --package "$@"; }
check "the licence is named" test "$(ask --queryformat '%{LICENSE}' "$module_rpm")" = MIT

contents=$(ask --list --verbose "$module_rpm")
for name in jpki-pkcs11 jpki-pkcs11-auth jpki-pkcs11-sign; do
  # rpmbuild finds out what a library needs only if it may be executed.
  expect "$name.so is in the library directory, and may be executed" "$contents" "^-rwxr-xr-x .* root +root .* $libdir/$name\\.so\$"
  expect "and a link where p11-kit looks" "$contents" "^l.* $libdir/pkcs11/$name\\.so -> \\.\\./$name\\.so\$"
  needs=$(ask --queryformat '[%{FILENAMES} %{FILEREQUIRE}\n]' "$module_rpm" | grep "^$libdir/$name\\.so ")
  for library in libcrypto.so.3 libpcsclite.so.1 libstdc++.so.6 libc.so.6; do
    says "rpmbuild found that it needs $library" "$library(" echo "$needs"
  done
done
for path in /usr/bin/jpki-tool /usr/share/p11-kit/modules/jpki-pkcs11.module /usr/share/p11-kit/modules/jpki-pkcs11-auth.module \
  /usr/share/man/man7/jpki-pkcs11.7.gz /usr/share/man/man5/jpki-pkcs11.toml.5.gz /usr/share/man/man1/jpki-tool.1.gz \
  /usr/share/doc/jpki-pkcs11/README.md /usr/share/doc/jpki-pkcs11/copyright /usr/share/doc/jpki-pkcs11/examples/openssl-provider.cnf; do
  expect "$path is in it" "$contents" " root +root .* $path\$"
done
refuse "nobody gets the virtual card with it" "$contents" "virtual-card"
refuse "it has nothing that only Debian uses" "$contents$(ask --list "$card_rpm")" "lintian|changelog\\.Debian"
refuse "all is root's, and nobody else may write" "$(grep -v '^l' <<<"$contents")" "^.(....w|.......w)|^[^ ]+ +[0-9]+ (r[^o]|[^r])"
for package in "$module_rpm" "$card_rpm"; do
  refuse "${package##*/}: the directories of other packages are not its own" \
    "$(ask --list --verbose "$package" | sed -n 's/^d.* \//\//p' | grep -Ev '^/usr/share/doc/jpki-|^/usr/lib/\.build-id')" .
done
check "the settings are the only configuration file" test "$(ask --configfiles "$module_rpm")" = /etc/jpki-pkcs11.toml
refuse "it offers nothing but its own name" "$(ask --provides "$module_rpm")" "^[^j]|^jpki-pkcs11[^ (]"
recommended=$(ask --recommends "$module_rpm")
expect "it recommends pcscd" "$recommended" "^pcsc-lite\$"
expect "and the readers' driver" "$recommended" "^pcsc-lite-ccid\$"
refuse "it needs neither" "$(ask --requires "$module_rpm")" "^pcsc-lite"

# ---- installed, into a root of its own ----

root=$work/root
mkdir -p "$root"
in_root() { rpm --root "$root" "$@"; }
in_root --initdb 2>root.log || skip "rpm cannot use another root here: $(cat root.log)"
# Of what they need nothing is in that root; the machine has it.
check "rpm installs them" in_root --install --nodeps "$module_rpm" "$card_rpm"
check "all is as it was packed" in_root --verify --nodeps jpki-pkcs11 jpki-virtual-card
refuse "no library is looked for in the build" "$(readelf --dynamic "$root$libdir/jpki-pkcs11.so")" "R(UN)?PATH"

virtual_card=$root/usr/bin/jpki-virtual-card
module=$root$libdir/pkcs11/jpki-pkcs11.so
start_card
printf 'To be signed.\n' >data
certificates
check "pkcs11-tool signs with the module of the package" p11 --token-label "$sign_token" --login --pin "$sign_pin" --sign --id "$sign_id" \
  --mechanism SHA256-RSA-PKCS --input-file data --output-file data.sig
verified "and openssl agrees" sha256 sign.pub data.sig data
stop_card

# ---- upgraded over an administrator's settings, and erased ----

printf '[pin]\nkeep_last_try = true\n' >"$root/etc/jpki-pkcs11.toml"
cp "$root/etc/jpki-pkcs11.toml" administrators.toml
check "the same package again" in_root --install --nodeps --replacepkgs "$module_rpm"
check "keeps the administrator's settings" cmp "$root/etc/jpki-pkcs11.toml" administrators.toml
check "rpm erases them" in_root --erase jpki-pkcs11 jpki-virtual-card
refuse "nothing is left but the changed settings" \
  "$(find "$root/etc" "$root/usr" -name '*jpki*' ! -name 'jpki-pkcs11.toml.rpmsave')" .
check "which are kept aside" cmp "$root/etc/jpki-pkcs11.toml.rpmsave" administrators.toml
