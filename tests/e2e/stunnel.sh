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
  stunnel_reaches_server "$work/engine.cnf"
done
