#!/bin/bash
# nginx admits one holder of a card and no other, although every citizen's certificate is from the same CA; and nginx
# uses the card's key itself, as a server and for its connection to another server, through libp11's engine (which needs `init = 1`
# there). A CA of an earlier generation has the same name and may have expired: nginx still admits valid cards, and no expired one.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
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


# nginx_start NAME [OPENSSL_CONF] <configuration of http: runs nginx on $port, which is @PORT@ in the configuration
nginx_start() {
  local name=$1 status=0
  port=$((20000 + SRANDOM % 12000))
  mkdir -p "$name/temp"
  {
    echo "pid $work/$name/nginx.pid; error_log $work/$name/error.log info; worker_processes 1; user root;"
    echo "events { }"
    echo "http { access_log off; client_body_temp_path $work/$name/temp; proxy_temp_path $work/$name/temp;"
    echo "  fastcgi_temp_path $work/$name/temp; uwsgi_temp_path $work/$name/temp; scgi_temp_path $work/$name/temp;"
    sed "s/@PORT@/$port/"
    echo "}"
  } >"$name/nginx.conf"
  OPENSSL_CONF=${2-/dev/null} nginx -e "$work/$name/error.log" -c "$work/$name/nginx.conf" >"$name/start.log" 2>&1 </dev/null || status=$?
  if [ "$status" = 0 ]; then
    until_true 20 test -s "$name/nginx.pid" || fail "nginx did not start"
    background+=("$(cat "$name/nginx.pid")")
  fi
  return "$status"
}
broken() { cat "$1/start.log" "$1/error.log" >&2 || true; fail "nginx did not start: $1"; }

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
engine_configuration
page() { # CERTIFICATE: that of the card in the reader
  OPENSSL_CONF=$work/engine.cnf curl --silent --show-error --cacert server.pem --cert "$1" --engine pkcs11 --key-type ENG \
    --key "$auth_uri;id=%$auth_id;type=private;pin-value=$auth_pin" --write-out '%{http_code}' "https://localhost:$port/" 2>&1
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

# ---- nginx as a server with the card's key: openssl is the client that verifies ----
cp one/auth.pem one/auth-ca.pem .
sed 's/^init = 0/init = 1/' engine.cnf >engine-init.cnf
nginx_start card-server "$work/engine-init.cnf" <<CONF || broken card-server
server {
  listen 127.0.0.1:@PORT@ ssl;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_certificate $work/auth.pem;
  ssl_certificate_key "engine:pkcs11:$auth_uri;id=%$auth_id;type=private;pin-value=$auth_pin";
  location / { return 200 "served with the card"; }
}
CONF
for version in 1.2 1.3; do
  for visit in first second; do
    handshake=$(printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -connect "127.0.0.1:$port" "-tls${version/./_}" -ign_eof \
      -CAfile auth-ca.pem -no-CApath -no-CAstore -verify_return_error 2>&1 || true)
    expect "nginx with the card as its key, TLS $version: the $visit visitor verifies it" "$handshake" 'Verify return code: 0 \(ok\)'
    expect "nginx with the card as its key, TLS $version: the $visit visitor gets the page" "$handshake" "served with the card"
  done
done
kill -TERM "$(cat card-server/nginx.pid)"

# ---- nginx with the card's key: the connection to another server ----
for version in 1.2 1.3; do
  tls_server "$version"
  server_port=$port
  nginx_start "client-$version" "$work/engine-init.cnf" <<CONF || broken "client-$version"
server {
  listen 127.0.0.1:@PORT@;
  location / {
    proxy_pass https://127.0.0.1:$server_port;
    proxy_ssl_name localhost;
    proxy_ssl_verify on;
    proxy_ssl_trusted_certificate $work/server.pem;
    proxy_ssl_protocols TLSv1.2 TLSv1.3;
    proxy_ssl_certificate $work/auth.pem;
    proxy_ssl_certificate_key "engine:pkcs11:$auth_uri;id=%$auth_id;type=private;pin-value=$auth_pin";
  }
}
CONF
  page=$(curl --silent --show-error "http://127.0.0.1:$port/" 2>&1) || { cat "client-$version/error.log" >&2; fail "curl: $page"; }
  verified_by_server "nginx as a client" "$page"
done
