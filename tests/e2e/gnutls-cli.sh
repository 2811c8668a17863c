#!/bin/bash
# GnuTLS shows the card's certificate to a TLS server by its pkcs11: URI, on TLS 1.2 and 1.3; certtool signs a
# certificate request and a PKCS #7 message with the card's keys.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need gnutls-cli certtool openssl pkcs11-tool

start_card
certificates
the_ca
server_certificate
export GNUTLS_PIN=$auth_pin

for version in 1.2 1.3; do
  tls_server "$version"
  page=$(printf 'GET / HTTP/1.0\r\n\r\n' | gnutls-cli --provider "$module" --x509cafile server.pem --logfile gnutls.log \
    --x509certfile "$auth_uri;id=%$auth_id;type=cert" --x509keyfile "$auth_uri;id=%$auth_id;type=private" \
    --port "$port" localhost 2>gnutls-error.log) || { cat gnutls.log gnutls-error.log >&2; fail "gnutls-cli"; }
  verified_by_server "gnutls-cli" "$page"
done
no_certificate() { printf 'GET / HTTP/1.0\r\n\r\n' | gnutls-cli --x509cafile server.pem --port "$port" localhost || true; }
rejected_by_server "the server rejects a client without a certificate" no_certificate

printf 'cn = "test"\n' >template
certtool --provider "$module" --generate-request --hash SHA256 --template template --outfile request.pem \
  --load-privkey "$auth_uri;id=%$auth_id;type=private" --load-pubkey "$auth_uri;id=%$auth_id;type=public" \
  >certtool.log 2>&1 || { cat certtool.log >&2; fail "certtool --generate-request"; }
says "openssl verifies certtool's request" "verify OK" openssl req -verify -noout -in request.pem
check "the request has the card's key" cmp <(openssl req -in request.pem -noout -pubkey) auth.pub

# The signature certificate is visible only after login, and certtool logs in for a key only: hence a file.
printf 'To be signed.\n' >data
GNUTLS_PIN=$sign_pin certtool --provider "$module" --p7-sign --hash SHA256 --infile data --outfile message.p7 \
  --load-privkey "$sign_uri;id=%$sign_id;type=private" --load-certificate sign.pem \
  >certtool.log 2>&1 || { cat certtool.log >&2; fail "certtool --p7-sign"; }
says "openssl verifies certtool's message" "Verification successful" \
  openssl cms -verify -binary -noverify -inform PEM -in message.p7 -signer signer.pem -out message
check "the message is what was signed" cmp message data
check "the signer is the card's certificate" cmp signer.pem sign.pem
