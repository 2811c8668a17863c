#!/bin/bash
# The virtual card works with another implementation: OpenSC's driver for the real card lists it and signs with both
# keys. This test does not use our module.
. "$(dirname "$0")/lib.sh"
need pkcs11-tool pkcs15-tool openssl

start_card
printf 'To be signed.\n' >data
# The default module of pkcs11-tool is OpenSC's own.
o() { pkcs11-tool "$@"; }

says "OpenSC recognises the card" "jpki" opensc-tool --reader 0 --name
slots=$(o -L)
say "$slots"
auth=$(sed -n 's/^ *token label *: *\(.*User Authentication.*\)$/\1/p' <<<"$slots" | head -n 1)
sign=$(sed -n 's/^ *token label *: *\(.*Digital Signature.*\)$/\1/p' <<<"$slots" | head -n 1)
[ -n "$auth" ] || fail "OpenSC has no token for authentication"
[ -n "$sign" ] || fail "OpenSC has no token for signatures"

for role in auth sign; do
  token=$auth pin=$auth_pin
  if [ "$role" = sign ]; then token=$sign pin=$sign_pin; fi
  objects=$(o --token-label "$token" --login --pin "$pin" -O 2>&1)
  expect "$role: OpenSC lists the private key" "$objects" "^Private Key Object; RSA"
  expect "$role: OpenSC lists the certificate" "$objects" "^Certificate Object"
  id=$(awk '/^[A-Z]/ { key = /^Private Key Object/ } key' <<<"$objects" | hex_ids)
  o --token-label "$token" --login --pin "$pin" --read-object --type cert --id "$id" --output-file "$role.der" \
    >/dev/null 2>&1 || fail "$role: OpenSC cannot read the certificate"
  pem "$role"
  rm -f signature
  check "$role: OpenSC signs" o --token-label "$token" --login --pin "$pin" --id "$id" --sign \
    --mechanism SHA256-RSA-PKCS --input-file data --output-file signature
  verified "$role: openssl verifies the signature" sha256 "$role.pub" signature data
done
