#!/bin/bash
# pkcs11-tool finds two tokens, and on each exactly the objects that are visible before and after login.
. "$(dirname "$0")/lib.sh"
need pkcs11-tool openssl

start_card

slots=$(p11 -L)
expect "the authentication token is listed" "$slots" "token label *: $auth_token\$"
expect "the signature token is listed" "$slots" "token label *: $sign_token\$"
expect "login is required" "$slots" "token flags *:.*login required"
expect "the tokens are initialised and have a PIN" "$slots" "token flags *:.*token initialized.*PIN initialized"
refuse "no PIN count is low on a fresh card" "$slots" "user PIN count low|final user PIN try|user PIN locked"
order=$(grep -o "token label.*" <<<"$slots" | sed 's/.*: //')
[ "$order" = "$auth_token
$sign_token" ] || fail "the authentication slot comes first: $order"
say "ok: the authentication slot comes first"
serials=$(grep "serial num" <<<"$slots" | sort -u)
[ "$(wc -l <<<"$serials")" = 1 ] || fail "both tokens of a card have the same serial number: $serials"
say "ok: both tokens of the card have the same serial number"

before=$(p11 --token-label "$auth_token" -O)
expect "authentication: certificate before login" "$before" "^Certificate Object"
expect "authentication: public key before login" "$before" "^Public Key Object; RSA +2048 bits"
expect "authentication: id $auth_id" "$(hex_ids <<<"$before")" "^$auth_id\$"
expect "authentication: profile before login" "$before" "^Profile object"
refuse "authentication: no private key before login" "$before" "^Private Key Object"
[ "$(grep -c "^Certificate Object" <<<"$before")" = 2 ] || fail "two certificates, the holder's and the CA's: $before"
say "ok: authentication: the holder's certificate and the CA's"
after=$(p11 --token-label "$auth_token" --login --pin "$auth_pin" -O)
expect "authentication: private key after login" "$after" "^Private Key Object; RSA"
expect "authentication: the key signs" "$after" "Usage: *sign"
refuse "authentication: the key does not decrypt" "$after" "Usage:.*(decrypt|unwrap|derive)"

before=$(p11 --token-label "$sign_token" -O)
[ "$(grep -c "^Certificate Object" <<<"$before")" = 1 ] || fail "before login only the CA's certificate: $before"
say "ok: signature: only the CA's certificate before login"
refuse "signature: no public key before login" "$before" "^Public Key Object"
refuse "signature: no private key before login" "$before" "^Private Key Object"
refuse "signature: nothing with id $sign_id before login" "$(hex_ids <<<"$before")" "^$sign_id\$"
after=$(p11 --token-label "$sign_token" --login --pin "$sign_pin" -O)
expect "signature: private key after login" "$after" "^Private Key Object; RSA"
expect "signature: public key after login" "$after" "^Public Key Object; RSA +2048 bits"
[ "$(grep -c "^Certificate Object" <<<"$after")" = 2 ] || fail "two certificates after login: $after"
say "ok: signature: the holder's certificate and the CA's after login"

# The card has one certificate for each key, each issued by its own CA.
certificates
for role in auth sign; do
  if [ "$role" = auth ]; then
    token=$auth_token id=$auth_id
  else
    token=$sign_token id=$sign_id
  fi
  ca_id=$(p11 --token-label "$token" -O --type cert | hex_ids | grep -vx "$id" || true)
  [ -n "$ca_id" ] || fail "the CA's certificate of the token '$token' has no id of its own"
  object cert "$token" "$ca_id" "$role-ca.der"
  pem "$role-ca"
  says "$role: the certificate is issued by the CA on the card" ": OK" openssl verify -CAfile "$role-ca.pem" "$role.pem"
done
cmp -s auth.pub sign.pub && fail "both tokens have the same key"

mechanisms=$(p11 --token-label "$auth_token" -M)
for mechanism in RSA-PKCS SHA256-RSA-PKCS SHA384-RSA-PKCS SHA512-RSA-PKCS RSA-PKCS-PSS SHA256-RSA-PKCS-PSS; do
  expect "mechanism $mechanism, in hardware, for signing" "$mechanisms" "^ *$mechanism, keySize=.*2048.*hw.*sign"
done
refuse "no decryption, no key generation, no raw RSA" "$mechanisms" "decrypt|generate|RSA-X-509"

stop_card
# A removed card: the slots stay, the tokens do not.
slots=$(p11 -L)
expect "the slots stay after removal" "$slots" "^Slot 0"
refuse "no token is listed after removal" "$slots" "token label"
