#!/bin/bash
# After `cmake --install` p11-kit finds the module without configuration, through the .module file with its relative name.
. "$(dirname "$0")/lib.sh"
need p11-kit p11tool cmake

if [ "$JPKI_ISOLATED" != 1 ]; then
  say "SKIPPED: this test mounts its installation, and mounting is not allowed here"
  exit 77
fi

check "cmake --install" env "DESTDIR=$work/root" cmake --install "$build"
# Mounted over the real directories, for this process and its children only.
for directory in "$work"/root/*; do
  name=/${directory##*/}
  mount -t overlay -o "ro,lowerdir=$directory:$name" overlay "$name" || fail "cannot mount the installed files over $name"
done

start_card
modules=$(p11-kit list-modules 2>&1)
# Up to 0.24 a module begins with "NAME: PATH", from 0.25 on with "module: NAME" and a line with its path.
ours=$(awk '/^[^ \t]/ { ours = /^(module: jpki-pkcs11$|jpki-pkcs11:)/ } ours' <<<"$modules")
expect "p11-kit lists the module" "$ours" "^(jpki-pkcs11|    path): .*jpki-pkcs11\\.so"
expect "p11-kit lists the authentication token" "$ours" "token: $auth_token\$"
expect "p11-kit lists the signature token" "$ours" "token: $sign_token\$"
refuse "p11-kit reports no error" "$modules" "couldn't load|p11-kit:.*jpki"

# GnuTLS without --provider uses p11-kit, as applications do.
expect "GnuTLS finds the tokens through p11-kit" "$(p11tool --batch --list-tokens 2>&1)" "Label: $auth_token\$"
says "GnuTLS signs through p11-kit" "ok" p11tool --batch --login --set-pin "$auth_pin" \
  --test-sign "$auth_uri;id=%$auth_id;type=private"
# The proxy: one PKCS#11 module for all modules of p11-kit.
proxy=$(pkg-config --variable=proxy_module p11-kit-1)
expect "pkcs11-tool finds the tokens through p11-kit's proxy" "$(pkcs11-tool --module "$proxy" -L 2>&1)" \
  "token label *: $sign_token\$"
