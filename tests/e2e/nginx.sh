#!/bin/bash
# nginx admits one holder of a card and no other, although every citizen's certificate is from the same CA; and nginx
# uses the card's key itself, as a server and for its connection to another server, through libp11's engine (which needs `init = 1`
# there), where OpenSSL has engines. A CA of an earlier generation has the same name and may have expired: nginx still admits valid
# cards, and no expired one.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
. "$here/lib-nginx.sh"
need nginx curl openssl pkcs11-tool

start_card --pki "$work/pki"
certificates
the_ca
mkdir one
mv auth.pem auth-ca.pem one
stop_card
start_card --pki "$work/pki" --person 2
certificates
the_ca
mkdir two
cp auth.pem auth-ca.pem two
stop_card
# A card of an earlier generation: its CA and its certificate have expired.
start_card --pki "$work/pki" --person 3 --kind expired
certificates
the_ca
mkdir three
cp auth.pem auth-ca.pem three
# A card whose certificate is valid, but whose CA has expired: the CA's certificate, issued again with past dates.
stop_card
start_card --pki "$work/pki" --person 4
stop_card
ca=$work/pki/person-4/authentication_ca
past=(-days -1)
# OpenSSL 3.4 and later take no negative number of days, but dates.
if [[ $(openssl x509 -help 2>&1) == *-not_after* ]]; then past=(-not_before 20200101000000Z -not_after 20210101000000Z); fi
check "openssl issues an expired CA certificate" openssl x509 -inform DER -in "$ca.der" -signkey "$ca.key" "${past[@]}" -outform DER -out ended.der \
  -set_serial "0x$(openssl x509 -inform DER -in "$ca.der" -noout -serial | cut -d = -f 2)"
cp ended.der "$ca.der"
start_card --pki "$work/pki" --person 4
certificates
the_ca
mkdir four
cp auth.pem auth-ca.pem four
check "the card has the expired CA certificate" cmp <(openssl x509 -in auth-ca.pem -outform DER) ended.der
server_certificate
# The earlier generation first: a comparison of names alone would take it.
cat four/auth-ca.pem three/auth-ca.pem one/auth-ca.pem two/auth-ca.pem >jpki-cas.pem

# ---- the server's side: TLS accepts any card, nginx one ----
fingerprint() { openssl x509 -in "$1" -noout -fingerprint -sha1 | sed 's/.*=//; s/://g' | tr '[:upper:]' '[:lower:]'; }
nginx_start server <<CONF || broken server
map \$ssl_client_fingerprint \$holder {
  default "";
  $(fingerprint one/auth.pem) "alice";
  $(fingerprint three/auth.pem) "bob";
  $(fingerprint four/auth.pem) "carol";
}
server {
  listen 127.0.0.1:@PORT@ ssl;
  ssl_certificate $work/server.pem;
  ssl_certificate_key $work/server.key;
  ssl_client_certificate $work/jpki-cas.pem;
  ssl_verify_client on;
  ssl_verify_depth 1;
  if (\$holder = "") { return 403; }
  location / { return 200 "welcome \$holder, \$ssl_client_verify\n"; }
}
CONF
# The client with the card's key is curl, through libp11's engine or, where OpenSSL has no engines, through pkcs11-provider.
engines=0
if [[ $(openssl version -e 2>/dev/null) == *engines* ]]; then
  engines=1
  engine_configuration
  with=(--engine pkcs11 --key-type ENG --key "$auth_uri;id=%$auth_id;type=private;pin-value=$auth_pin")
else
  provider_configuration
  with=(--key-type PROV --key "$auth_uri;id=%$auth_id;type=private?pin-value=$auth_pin")
fi
page() { # CERTIFICATE: that of the card in the reader
  OPENSSL_CONF=$work/engine.cnf PKCS11_PROVIDER_MODULE=$module curl --silent --show-error --cacert server.pem --cert "$1" "${with[@]}" \
    --write-out '%{http_code}' "https://localhost:$port/" 2>&1
}
stop_card
start_card --pki "$work/pki" --person 2
expect "nginx verifies another citizen's certificate, and answers 403" "$(page two/auth.pem)" '^403$'
for holder in "three expired 3" "four adult 4"; do
  read -r directory kind person <<<"$holder"
  stop_card
  start_card --pki "$work/pki" --kind "$kind" --person "$person"
  expect "a card whose CA has expired ($kind): nginx rejects it, enrolled or not" "$(page "$directory/auth.pem")" '400$'
  expect "nginx logs that the certificate has expired" "$(grep "certificate verify" server/error.log | tail -n 1)" "certificate verify error: .*certificate has expired"
done
stop_card
start_card --pki "$work/pki"
expect "nginx admits the enrolled holder" "$(page one/auth.pem)" '^welcome alice, SUCCESS$'
refuse "nginx rejects a client without a certificate" "$(curl --silent --cacert server.pem "https://localhost:$port/" || true)" welcome

# ---- the card's key, of a server and of a client; nginx-provider.sh tests the same with a provider ----
if [ $engines = 0 ]; then
  say "this OpenSSL has no engines: the rest is not tested: $(openssl version)"
  exit 0
fi
cp one/auth.pem one/auth-ca.pem .
sed 's/^init = 0/init = 1/' engine.cnf >engine-init.cnf
nginx_serves_with_card "engine:pkcs11:$auth_uri;id=%$auth_id;type=private;pin-value=$auth_pin" "$work/engine-init.cnf"
nginx_is_client_with_card "engine:pkcs11:$auth_uri;id=%$auth_id;type=private;pin-value=$auth_pin" "$work/engine-init.cnf"
