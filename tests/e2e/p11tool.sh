#!/bin/bash
# GnuTLS lists the tokens and their objects, exports the certificates and signs with both keys through p11tool.
. "$(dirname "$0")/lib.sh"
need p11tool pkcs11-tool openssl

start_card
certificates
g() { p11tool --provider "$module" --batch "$@"; }

tokens=$(g --list-tokens)
expect "the authentication token is listed" "$tokens" "^[[:space:]]*Label: $auth_token\$"
expect "the signature token is listed" "$tokens" "^[[:space:]]*Label: $sign_token\$"

objects=$(g --list-all "$auth_uri")
expect "certificates are listed" "$objects" "Type: X.509 Certificate"
expect "public keys are listed" "$objects" "Type: Public key"
objects=$(g --login --set-pin "$auth_pin" --list-all "$auth_uri")
expect "private keys are listed after login" "$objects" "Type: Private key"
objects=$(g --login --set-pin "$sign_pin" --list-all "$sign_uri")
expect "signature: private keys are listed after login" "$objects" "Type: Private key"

same() { # FILE FILE: the same certificate in any layout
  [ "$(openssl x509 -in "$1" -noout -fingerprint -sha256)" = "$(openssl x509 -in "$2" -noout -fingerprint -sha256)" ]
}
g --export "$auth_uri;id=%$auth_id;type=cert" --outfile exported-auth.pem
check "authentication: the exported certificate is the one on the token" same exported-auth.pem auth.pem
g --login --set-pin "$sign_pin" --export "$sign_uri;id=%$sign_id;type=cert" --outfile exported-sign.pem
check "signature: the exported certificate is the one on the token" same exported-sign.pem sign.pem

for role in auth sign; do
  uri=$auth_uri pin=$auth_pin id=$auth_id
  if [ "$role" = sign ]; then uri=$sign_uri pin=$sign_pin id=$sign_id; fi
  for algorithm in RSA RSA-PSS; do
    options=()
    if [ "$algorithm" = RSA-PSS ]; then options=(--sign-params=rsa-pss); fi
    output=$(g --login --set-pin "$pin" --test-sign "${options[@]}" "$uri;id=%$id;type=private" 2>&1) || {
      printf '%s\n' "$output" >&2
      fail "$role: --test-sign with $algorithm"
    }
    expect "$role: --test-sign signs with $algorithm" "$output" "Signing using $algorithm-SHA256.*ok"
    expect "$role: the signature verifies with the token's public key" "$output" "Verifying against public key in the token.*ok"
  done
done
