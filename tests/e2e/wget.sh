#!/bin/bash
# wget (built with GnuTLS) fetches a page with the card's certificate, both named by pkcs11: URIs, on TLS 1.2 and 1.3.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need wget openssl pkcs11-tool cmake
[[ $(wget --version) == *ssl/gnutls* ]] || { say "SKIPPED: this wget is not built with GnuTLS"; exit 77; }

installed
start_card
certificates
the_ca
server_certificate

for version in 1.2 1.3; do
  tls_server "$version"
  page=$(wget --no-config --no-hsts --quiet --tries 1 --timeout 60 --output-document - --ca-certificate server.pem \
    --certificate "$auth_uri;id=%$auth_id;type=cert" \
    --private-key "$auth_uri;id=%$auth_id;type=private;pin-value=$auth_pin" "https://localhost:$port/" 2>wget.log) ||
    { cat wget.log >&2; fail "wget"; }
  verified_by_server "wget" "$page"
done
rejected_by_server "the server rejects a client without a certificate" \
  sh -c "wget --no-config --no-hsts -qO- --tries 1 --ca-certificate server.pem https://localhost:$port/ || true"
