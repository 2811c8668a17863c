#!/bin/bash
# After `cmake --install` p11-kit finds the module by itself, through the .module file with its relative name.
. "$(dirname "$0")/lib.sh"
need p11-kit p11tool cmake

if [ "$JPKI_ISOLATED" != 1 ]; then
  say "SKIPPED: mounting is not allowed here, and this test installs nothing for real"
  exit 77
fi

check "cmake --install" env "DESTDIR=$work/root" cmake --install "$build"
# Laid over the real directories, for this process and its children only.
for directory in "$work"/root/*; do
  name=/${directory##*/}
  mount -t overlay -o "ro,lowerdir=$directory:$name" overlay "$name" || fail "cannot lay the installed files over $name"
done

start_card
modules=$(p11-kit list-modules 2>&1)
# Up to 0.24 a module begins with "NAME: PATH", from 0.25 on with "module: NAME" and a line with its path.
ours=$(awk '/^[^ \t]/ { ours = /^(module: jpki-pkcs11$|jpki-pkcs11:)/ } ours' <<<"$modules")
expect "p11-kit lists the module" "$ours" "^(jpki-pkcs11|    path): .*jpki-pkcs11\\.so"
expect "with the authentication token" "$ours" "token: $auth_token\$"
expect "with the signature token" "$ours" "token: $sign_token\$"
refuse "p11-kit has nothing to complain about" "$modules" "couldn't load|p11-kit:.*jpki"

# GnuTLS without a --provider goes through p11-kit: this is how applications meet the module.
expect "GnuTLS finds the tokens through p11-kit" "$(p11tool --batch --list-tokens 2>&1)" "Label: $auth_token\$"
says "GnuTLS signs through p11-kit" "ok" p11tool --batch --login --set-pin "$auth_pin" \
  --test-sign "$auth_uri;id=%$auth_id;type=private"
# And the other way round: one PKCS#11 module that stands for all that p11-kit knows.
proxy=$(pkg-config --variable=proxy_module p11-kit-1)
expect "pkcs11-tool finds the tokens through p11-kit's proxy" "$(pkcs11-tool --module "$proxy" -L 2>&1)" \
  "token label *: $sign_token\$"
