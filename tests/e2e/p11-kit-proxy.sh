#!/bin/bash
# A program that loads p11-kit-proxy.so, without configuration for our module, lists the tokens and signs with both keys.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need pkcs11-tool p11-kit openssl cmake

installed
start_card
certificates
printf 'To be signed.\n' >data
proxy=$(pkg-config --variable=proxy_module p11-kit-1)

for role in auth sign; do
  token=$auth_token pin=$auth_pin id=$auth_id
  if [ "$role" = sign ]; then token=$sign_token pin=$sign_pin id=$sign_id; fi
  check "$role: signs through the proxy" pkcs11-tool --module "$proxy" --token-label "$token" --login --pin "$pin" \
    --id "$id" --sign --mechanism SHA256-RSA-PKCS --input-file data --output-file signature
  verified "$role: openssl verifies the signature" sha256 "$role.pub" signature data
done
