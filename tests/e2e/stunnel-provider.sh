#!/bin/bash
# stunnel without engines connects to a TLS server that requires the card's certificate, on TLS 1.2 and 1.3.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need stunnel curl openssl pkcs11-tool
[[ $(stunnel -help 2>&1) == *providerParameter* ]] || {
  say "SKIPPED: this stunnel has no option provider: $(stunnel -version 2>&1 | sed -n 's/^\(stunnel [0-9.]*\).*/\1/p')"
  exit 77
}
provider_configuration

start_card
certificates
the_ca
server_certificate

for version in 1.2 1.3; do
  tls_server "$version"
  cat >stunnel.conf <<CONF
foreground = yes
pid =
provider = pkcs11
[tunnel]
client = yes
accept = $work/tunnel
connect = 127.0.0.1:$port
checkHost = localhost
CAfile = server.pem
verifyChain = yes
cert = auth.pem
key = $auth_uri;id=%$auth_id;type=private?pin-value=$auth_pin
CONF
  stunnel_reaches_server "$work/provider.cnf"
done
