#!/bin/bash
# openconnect shows the card's certificate to ocserv, which takes the user's name from it: TLS 1.2 and 1.3. It ends with the session's
# cookie (--authenticate), so it needs no network device. A wrong PIN; without a certificate there is no cookie.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need openssl pkcs11-tool
for program in openconnect ocserv; do
  command -v $program >/dev/null || { say "SKIPPED: $program is not installed (Debian: openconnect, ocserv)"; exit 77; }
done
installed # openconnect finds the module through p11-kit

start_card --control "$work/control"
certificates
the_ca
server_certificate

# The second name is that of version 1.3.
up_or_dead() { has_line "ocserv-$version.log" "initialized (ocserv|OpenConnect VPN Server)" || ! kill -0 "$ocserv" 2>/dev/null; }
ocserv_start() { # VERSION
  local priorities="NORMAL:-VERS-ALL:+VERS-TLS$1" _
  for _ in 1 2 3 4 5; do # another port if this one is in use
    port=$((20000 + SRANDOM % 12000))
    cat >ocserv.conf <<CONF
auth = "certificate"
cert-user-oid = 2.5.4.3
ca-cert = $work/auth-ca.pem
server-cert = $work/server.pem
server-key = $work/server.key
listen-host = 127.0.0.1
tcp-port = $port
socket-file = $work/ocserv-$1.socket
tls-priorities = "$priorities"
run-as-user = root
run-as-group = root
isolate-workers = false
device = vpns
ipv4-network = 192.0.2.0
ipv4-netmask = 255.255.255.0
CONF
    ocserv --foreground --debug 3 --config ocserv.conf >"ocserv-$1.log" 2>&1 </dev/null &
    ocserv=$!
    background+=("$ocserv")
    until_true 20 up_or_dead || { cat "ocserv-$1.log" >&2; fail "ocserv did not start"; }
    if kill -0 "$ocserv" 2>/dev/null; then return; fi
  done
  cat "ocserv-$1.log" >&2
  fail "ocserv did not start"
}
# cookie [OPTION...]: the output of openconnect with these options
cookie() {
  timeout 100 openconnect --authenticate --non-inter --cafile server.pem "$@" "https://localhost:$port/" 2>client.log || true
}
card=(--certificate "$auth_uri;id=%$auth_id;pin-value=$auth_pin")
for version in 1.2 1.3; do
  ocserv_start "$version"
  card_control reset-counts >/dev/null
  said=$(cookie "${card[@]}")
  [[ $said == *COOKIE=* ]] || { cat client.log "ocserv-$version.log" >&2; fail "TLS $version"; }
  say "ok: TLS $version: openconnect gets a cookie"
  say "counted: $(card_control counts)"
  expect "TLS $version: openconnect used this version" "$(cat client.log)" "TLS$version"
  expect "TLS $version: ocserv takes the user from the certificate" "$(cat "ocserv-$version.log")" \
    "auth complete \\(with cert\\) ?for user '$(holder auth.pem)'"
  refuse "TLS $version: no cookie without a certificate" "$(cookie)" "COOKIE="
done
[ "$(card_control tries auth) $(card_control tries sign)" = "3 5" ] || fail "a try was spent"
refuse "a wrong PIN: no cookie" "$(cookie --certificate "$auth_uri;id=%$auth_id;pin-value=0000")" "COOKIE="
expect "a wrong PIN costs one try" "$(card_control tries auth)" '^2$'
