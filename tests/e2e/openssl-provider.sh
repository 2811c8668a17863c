#!/bin/bash
# OpenSSL without engines: storeutl, dgst, cms, req and s_client use both keys through pkcs11-provider, and openssl verifies without
# it. curl, if it is new enough, also takes key and certificate from the card.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need openssl pkcs11-tool curl
provider_configuration

start_card
certificates
the_ca
server_certificate
printf 'To be signed.\n' >data
with_provider() { OPENSSL_CONF=$work/provider.cnf openssl "$@"; }

# OpenSSL 3.5 asks for the PIN here, 3.0 does not.
says "storeutl lists the objects of the authentication token" "Total found: " \
  with_provider storeutl -noout -text "$auth_uri?pin-value=$auth_pin"
check "storeutl reads the authentication certificate without a PIN" \
  with_provider storeutl -certs -noout "$auth_uri;id=%$auth_id;type=cert"
# Visible only after login: the PIN is in the URI, or openssl asks for it if a key of the same token was named first.
check "x509 reads the signature certificate with the password" \
  with_provider x509 -in "$sign_uri;id=%$sign_id;type=cert?pin-value=$sign_pin" -out read.pem
check "x509 reads the certificate on the token" cmp <(openssl x509 -in read.pem -outform DER) <(openssl x509 -in sign.pem -outform DER)

for role in auth sign; do
  if [ "$role" = auth ]; then
    token=$auth_uri id=$auth_id pin=$auth_pin
  else
    token=$sign_uri id=$sign_id pin=$sign_pin
  fi
  key="$token;id=%$id;type=private?pin-value=$pin"
  for hash in sha256 sha384 sha512; do
    rm -f signature
    check "$role: dgst -$hash signs" with_provider dgst "-$hash" -sign "$key" -out signature data
    verified "$role: openssl verifies the signature" "$hash" "$role.pub" signature data
  done
  rm -f signature
  check "$role: dgst signs with PSS" with_provider dgst -sha256 "${pss[@]}" -sign "$key" -out signature data
  verified "$role: openssl verifies the signature" sha256 "$role.pub" signature data "${pss[@]}"

  for signer in "$role.pem" "$token;id=%$id;type=cert?pin-value=$pin"; do
    from=${signer#*.}
    rm -f message.cms
    check "$role: cms -sign, certificate from ${from:0:8}" with_provider cms -sign -binary -nodetach -md sha256 -inkey "$key" \
      -signer "$signer" -in data -outform DER -out message.cms
    says "$role: cms -verify" "Verification successful" \
      openssl cms -verify -binary -noverify -inform DER -in message.cms -signer signer.pem -out message
    check "$role: the message is what was signed" cmp message data
    check "$role: the signer is the token's certificate" cmp signer.pem "$role.pem"
  done

  for padding in pkcs1 pss; do
    rm -f request.pem
    options=()
    if [ "$padding" = pss ]; then options=("${pss[@]}"); fi
    check "$role: req -new ($padding)" with_provider req -new -sha256 -subj /CN=test "${options[@]}" -key "$key" -out request.pem
    says "$role: req -verify" "verify OK" openssl req -config provider.cnf -verify -noout -in request.pem
    openssl req -config provider.cnf -in request.pem -noout -pubkey >request.pub
    check "$role: the request has the token's key" cmp request.pub "$role.pub"
  done
done

key="$auth_uri;id=%$auth_id;type=private?pin-value=$auth_pin"
# curl: key and certificate by URI, from version 8.12 on. It takes the module from PKCS11_PROVIDER_MODULE.
curl_version=$(curl --version | sed -n '1s/^curl \([0-9.]*\).*/\1/p')
for version in 1.2 1.3; do
  tls_server "$version"
  page=$(printf 'GET / HTTP/1.0\r\n\r\n' | with_provider s_client -connect "localhost:$port" -CAfile server.pem \
    -verify_return_error -quiet -cert auth.pem -key "$key" 2>s_client.log) || { cat s_client.log >&2; fail "s_client"; }
  verified_by_server "s_client" "$page"
  if [ "$(printf '8.12\n%s\n' "$curl_version" | sort -V | head -n 1)" = 8.12 ]; then
    page=$(PKCS11_PROVIDER_MODULE=$module curl --silent --show-error --cacert server.pem \
      --cert-type PROV --cert "$auth_uri;id=%$auth_id;type=cert" --key-type PROV --key "$key" "https://localhost:$port/" 2>&1) ||
      fail "curl: $page"
    verified_by_server "curl" "$page"
  else
    say "curl $curl_version cannot use a provider: skipped"
  fi
done
rejected_by_server "the server rejects a client without a certificate" \
  sh -c "curl --silent --cacert server.pem https://localhost:$port/ || true"

# The provider does not log in with one try left, and reports only that there is no key.
for _ in 1 2; do p11 --token-label "$auth_token" --login --pin 9999 -O >/dev/null 2>&1 || true; done
output=$(with_provider dgst -sha256 -sign "$key" -out signature data 2>&1) && fail "the provider logs in with one try left"
expect "with one try left the provider does not use the right PIN" "$output" "Could not (find|open|read).*private key|private key"
check "with one try left pkcs11-tool logs in" p11 --token-label "$auth_token" --login --pin "$auth_pin" -O
check "with a reset retry counter the provider signs again" with_provider dgst -sha256 -sign "$key" -out signature data
