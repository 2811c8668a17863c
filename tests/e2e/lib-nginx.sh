# Shared by the tests of nginx; sourced after lib-clients.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of lib.sh

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
# nginx_serves_with_card KEY OPENSSL_CONF: nginx is a server with the card's authentication key, which KEY names in nginx's way; openssl
# is the client that verifies. Needs auth.pem and auth-ca.pem.
nginx_serves_with_card() {
  local version visit handshake
  nginx_start card-server "$2" <<CONF || broken card-server
server {
  listen 127.0.0.1:@PORT@ ssl;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_certificate $work/auth.pem;
  ssl_certificate_key "$1";
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
}
# nginx_is_client_with_card KEY OPENSSL_CONF: nginx connects with the card's key to a server that requires it. Needs server.pem too.
nginx_is_client_with_card() {
  local version server_port page
  for version in 1.2 1.3; do
    tls_server "$version"
    server_port=$port
    nginx_start "client-$version" "$2" <<CONF || broken "client-$version"
server {
  listen 127.0.0.1:@PORT@;
  location / {
    proxy_pass https://127.0.0.1:$server_port;
    proxy_ssl_name localhost;
    proxy_ssl_verify on;
    proxy_ssl_trusted_certificate $work/server.pem;
    proxy_ssl_protocols TLSv1.2 TLSv1.3;
    proxy_ssl_certificate $work/auth.pem;
    proxy_ssl_certificate_key "$1";
  }
}
CONF
    page=$(curl --silent --show-error "http://127.0.0.1:$port/" 2>&1) || { cat "client-$version/error.log" >&2; fail "curl: $page"; }
    verified_by_server "nginx as a client" "$page"
  done
}
