#!/bin/bash
# curl fetches a page with the card's certificate through libp11's engine, on TLS 1.2 and 1.3.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need curl openssl pkcs11-tool
[[ $(curl --version) == *OpenSSL* ]] || { say "SKIPPED: this curl is not built with OpenSSL"; exit 77; }

start_card
certificates
the_ca
server_certificate
engine_configuration

for version in 1.2 1.3; do
  tls_server "$version"
  page=$(OPENSSL_CONF=$work/engine.cnf curl --silent --show-error --cacert server.pem --cert auth.pem \
    --engine pkcs11 --key-type ENG --key "$auth_uri;id=%$auth_id;type=private;pin-value=$auth_pin" \
    "https://localhost:$port/" 2>&1) || fail "curl: $page"
  verified_by_server "curl" "$page"
  # The certificate from the card too.
  page=$(OPENSSL_CONF=$work/engine.cnf curl --silent --show-error --cacert server.pem \
    --engine pkcs11 --cert-type ENG --cert "$auth_uri;id=%$auth_id;type=cert" \
    --key-type ENG --key "$auth_uri;id=%$auth_id;type=private;pin-value=$auth_pin" \
    "https://localhost:$port/" 2>&1) || fail "curl: $page"
  verified_by_server "curl, certificate from the card" "$page"
done
rejected_by_server "the server rejects a client without a certificate" \
  sh -c "curl --silent --cacert server.pem https://localhost:$port/ || true"
