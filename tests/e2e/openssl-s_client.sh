#!/bin/bash
# OpenSSL's client shows the card's certificate to a TLS server through libp11's engine, on TLS 1.2 and 1.3.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need openssl pkcs11-tool

start_card
certificates
the_ca
server_certificate
engine_configuration

for version in 1.2 1.3; do
  tls_server "$version"
  page=$(printf 'GET / HTTP/1.0\r\n\r\n' | OPENSSL_CONF=$work/engine.cnf openssl s_client -connect "localhost:$port" \
    -CAfile server.pem -verify_return_error -quiet -cert auth.pem -engine pkcs11 -keyform engine \
    -key "$auth_uri;id=%$auth_id;type=private;pin-value=$auth_pin" 2>s_client.log) ||
    { cat s_client.log >&2; fail "s_client"; }
  verified_by_server "s_client" "$page"
done
no_certificate() { printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -connect "localhost:$port" -quiet || true; }
rejected_by_server "the server rejects a client without a certificate" no_certificate
