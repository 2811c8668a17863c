#!/bin/bash
# OpenSSL's command line signs files, CMS messages and certificate requests with both keys through libp11's engine,
# and verifies them without it.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need openssl pkcs11-tool

start_card
certificates
printf 'To be signed.\n' >data

engine_configuration
cat >>engine.cnf <<CNF
[req]
distinguished_name = name
[name]
CNF
with_engine() { OPENSSL_CONF=$work/engine.cnf openssl "$@"; }

for role in auth sign; do
  if [ "$role" = auth ]; then
    key="$auth_uri;id=%$auth_id;type=private;pin-value=$auth_pin"
  else
    key="$sign_uri;id=%$sign_id;type=private;pin-value=$sign_pin"
  fi
  for hash in sha256 sha384 sha512; do
    rm -f signature
    check "$role: dgst -$hash signs" \
      with_engine dgst "-$hash" -engine pkcs11 -keyform engine -sign "$key" -out signature data
    verified "$role: openssl verifies the signature" "$hash" "$role.pub" signature data
  done
  rm -f signature
  check "$role: dgst signs with PSS" \
    with_engine dgst -sha256 "${pss[@]}" -engine pkcs11 -keyform engine -sign "$key" -out signature data
  verified "$role: openssl verifies the signature" sha256 "$role.pub" signature data "${pss[@]}"

  rm -f message.cms
  check "$role: cms -sign" with_engine cms -sign -binary -nodetach -md sha256 -engine pkcs11 -keyform engine \
    -inkey "$key" -signer "$role.pem" -in data -outform DER -out message.cms
  # This test does not check the issuer; the signer must be the certificate on the token.
  says "$role: cms -verify" "Verification successful" \
    openssl cms -verify -binary -noverify -inform DER -in message.cms -signer signer.pem -out message
  check "$role: the message is what was signed" cmp message data
  check "$role: the signer is the token's certificate" cmp signer.pem "$role.pem"

  rm -f request.pem
  check "$role: req -new" with_engine req -new -sha256 -subj /CN=test -engine pkcs11 \
    -keyform engine -key "$key" -out request.pem
  # Exits with 0 on a bad signature too.
  says "$role: req -verify" "verify OK" openssl req -config engine.cnf -verify -noout -in request.pem
  openssl req -config engine.cnf -in request.pem -noout -pubkey >request.pub
  check "$role: the request has the token's key" cmp request.pub "$role.pub"
done
