#!/bin/bash
# The next card as it is guessed (apdu/README.md, The next card): ECDSA on P-384. pkcs11-tool, OpenSSL and OpenSSH use its keys. A
# rehearsal: nothing of that card's commands is published.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need openssl pkcs11-tool ssh-keygen

start_card --kind next-generation
certificates
printf 'To be signed.\n' >data
expect "the certificate is for a P-384 key" "$(openssl x509 -in auth.pem -noout -text)" "ASN1 OID: secp384r1"

for role in auth sign; do
  if [ "$role" = auth ]; then
    token=$auth_token uri=$auth_uri id=$auth_id pin=$auth_pin
  else
    token=$sign_token uri=$sign_uri id=$sign_id pin=$sign_pin
  fi
  mechanisms=$(p11 --token-label "$token" -M)
  expect "$role: ECDSA is listed" "$mechanisms" "ECDSA, keySize=\{384,384\}, hw, sign, verify"
  refuse "$role: RSA is not" "$mechanisms" "RSA"
  says "$role: --test without login" "No errors" p11 --token-label "$token" --test
  says "$role: --test" "No errors" p11 --token-label "$token" --login --pin "$pin" --test
  expect "$role: pkcs11-tool shows the key" "$(p11 --token-label "$token" --login --pin "$pin" -O --type privkey)" \
    "Private Key Object; EC"
  for hash in sha256 sha384; do
    rm -f signature
    check "$role: pkcs11-tool signs with ECDSA-${hash^^}" p11 --token-label "$token" --login --pin "$pin" --id "$id" --sign \
      --mechanism "ECDSA-${hash^^}" --signature-format openssl --input-file data --output-file signature
    verified "$role: and openssl verifies" "$hash" "$role.pub" signature data
  done
done

# ---- OpenSSH ----
ssh-keygen -D "$module" >keys 2>keygen.log || { cat keygen.log >&2; fail "ssh-keygen -D"; }
grep "User Authentication" keys >ssh.pub || fail "ssh-keygen -D does not show the key for authentication: $(cat keys)"
expect "ssh-keygen -D shows an ECDSA key" "$(cat ssh.pub)" "^ecdsa-sha2-nistp384 "
check "and it is the one on the card" cmp <(ssh-keygen -e -m PKCS8 -f ssh.pub) auth.pub

# ---- OpenSSL through libp11's engine; TLS as a client ----
engine_configuration
with_engine() { OPENSSL_CONF=$work/engine.cnf openssl "$@"; }
for role in auth sign; do
  if [ "$role" = auth ]; then uri=$auth_uri id=$auth_id pin=$auth_pin; else uri=$sign_uri id=$sign_id pin=$sign_pin; fi
  rm -f signature
  check "$role: openssl dgst signs" with_engine dgst -sha384 -engine pkcs11 -keyform engine \
    -sign "$uri;id=%$id;type=private;pin-value=$pin" -out signature data
  verified "$role: and verifies" sha384 "$role.pub" signature data
done
the_ca
server_certificate
for version in 1.2 1.3; do
  tls_server "$version"
  page=$(printf 'GET / HTTP/1.0\r\n\r\n' | with_engine s_client -connect "localhost:$port" -CAfile server.pem \
    -verify_return_error -quiet -engine pkcs11 -cert auth.pem -keyform engine \
    -key "$auth_uri;id=%$auth_id;type=private;pin-value=$auth_pin" 2>s_client.log) || { cat s_client.log >&2; fail "s_client"; }
  verified_by_server "s_client" "$page"
done
