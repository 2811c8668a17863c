#!/bin/bash
# stunnel connects to a TLS server that requires the card's certificate, on TLS 1.2 and 1.3.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need stunnel curl openssl pkcs11-tool

start_card
certificates
the_ca
server_certificate
engine_configuration

for version in 1.2 1.3; do
  tls_server "$version"
  cat >stunnel.conf <<CONF
foreground = yes
pid =
engine = pkcs11
[tunnel]
client = yes
accept = $work/tunnel
connect = 127.0.0.1:$port
checkHost = localhost
CAfile = server.pem
verifyChain = yes
engineId = pkcs11
cert = auth.pem
key = $auth_uri;id=%$auth_id;type=private;pin-value=$auth_pin
CONF
  rm -f tunnel
  OPENSSL_CONF=$work/engine.cnf stunnel stunnel.conf >stunnel.log 2>&1 </dev/null &
  stunnel=$!
  background+=("$stunnel")
  until_true 20 test -S tunnel || { cat stunnel.log >&2; fail "stunnel did not start"; }
  page=$(curl --silent --show-error --unix-socket tunnel http://localhost/ 2>&1) ||
    { cat stunnel.log >&2; fail "curl: $page"; }
  verified_by_server "stunnel" "$page"
  kill -TERM "$stunnel"
  wait "$stunnel" || true
done
