#!/bin/bash
# nginx admits one holder of a card and nobody else, though every citizen's certificate is from the same authority; and nginx
# uses the card's key itself, for its connection to another server, through libp11's engine (which takes `init = 1` there).
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
server_certificate
cat one/auth-ca.pem two/auth-ca.pem >jpki-cas.pem

# nginx_start NAME [OPENSSL_CONF] <configuration of http: nginx as one would run it, on $port, which is @PORT@ in the configuration
nginx_start() {
  local name=$1 status=0
  port=$((20000 + SRANDOM % 12000))
  mkdir -p "$name/temp"
  {
    echo "pid $work/$name/nginx.pid; error_log $work/$name/error.log; worker_processes 1; user root;"
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

# ---- the server's side: any card passes TLS, one passes nginx ----
fingerprint() { openssl x509 -in "$1" -noout -fingerprint -sha1 | sed 's/.*=//; s/://g' | tr '[:upper:]' '[:lower:]'; }
nginx_start server <<CONF || broken server
map \$ssl_client_fingerprint \$holder {
  default "";
  $(fingerprint one/auth.pem) "alice";
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
page() { # CERTIFICATE, of the card that is in the reader
  OPENSSL_CONF=$work/engine.cnf curl --silent --show-error --cacert server.pem --cert "$1" --engine pkcs11 --key-type ENG \
    --key "$auth_uri;id=%$auth_id;type=private;pin-value=$auth_pin" --write-out '%{http_code}' "https://localhost:$port/" 2>&1
}
expect "another citizen's certificate is verified, and refused by nginx" "$(page two/auth.pem)" '^403$'
stop_card
start_card --pki "$work/pki"
expect "the one who is enrolled gets in" "$(page one/auth.pem)" '^welcome alice, SUCCESS$'
refuse "without a certificate nobody does" "$(curl --silent --cacert server.pem "https://localhost:$port/" || true)" welcome

# ---- nginx with the card's key: the connection to another server ----
cp one/auth.pem one/auth-ca.pem .
for version in 1.2 1.3; do
  tls_server "$version"
  server_port=$port
  sed 's/^init = 0/init = 1/' engine.cnf >engine-init.cnf
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
