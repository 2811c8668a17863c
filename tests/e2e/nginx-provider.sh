#!/bin/bash
# nginx without engines, with the card's authentication key through pkcs11-provider: as a server, and as a client of another server.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
. "$here/lib-nginx.sh"
need nginx curl openssl pkcs11-tool
nginx_version=$(nginx -v 2>&1 | sed -n 's/.*nginx\/\([0-9.]*\).*/\1/p')
if [ "$(printf '1.29\n%s\n' "$nginx_version" | sort -V | head -n 1)" != 1.29 ]; then
  say "SKIPPED: nginx $nginx_version takes no key from a provider (1.29 and later do)"
  exit 77
fi
provider_configuration

start_card
certificates
the_ca
server_certificate
key="store:$auth_uri;id=%$auth_id;type=private?pin-value=$auth_pin"
nginx_serves_with_card "$key" "$work/provider.cnf"
nginx_is_client_with_card "$key" "$work/provider.cnf"
