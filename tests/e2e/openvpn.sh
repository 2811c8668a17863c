#!/bin/bash
# OpenVPN shows the card's certificate to a server that requires it, on TLS 1.2 and 1.3. No network device is needed.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need openvpn openssl pkcs11-tool python3

start_card
certificates
the_ca
server_certificate

# Answers openvpn's questions on its management socket: the PIN, under any name.
cat >answer.py <<'PYTHON'
import re, socket, sys
client = socket.socket(socket.AF_UNIX)
client.settimeout(60)
client.connect(sys.argv[1])
for line in client.makefile():
    print(line, end="", flush=True)
    if asked := re.match(r">PASSWORD:Need '(.*)' password", line):
        client.sendall(f'password "{asked[1]}" "{sys.argv[2]}"\n'.encode())
PYTHON

id=$(openvpn --show-pkcs11-ids "$module_auth" 2>&1 | sed -n "s|^ *Serialized id: *\(.*/$auth_id\)\$|\1|p")
[ -n "$id" ] || { openvpn --show-pkcs11-ids "$module_auth" >&2 || true; fail "openvpn does not list the certificate"; }
for version in 1.2 1.3; do
  port=$((20000 + SRANDOM % 12000))
  options=(--dev null --proto udp4 --verb 3 --tls-version-min "$version" --tls-version-max "$version")
  openvpn "${options[@]}" --local 127.0.0.1 --lport "$port" --tls-server --dh none \
    --ca auth-ca.pem --cert server.pem --key server.key >"server-$version.log" 2>&1 </dev/null &
  server=$!
  rm -f management
  openvpn "${options[@]}" --remote 127.0.0.1 "$port" --nobind --tls-client --ca server.pem \
    --pkcs11-providers "$module_auth" --pkcs11-id "$id" \
    --management management unix --management-query-passwords >"client-$version.log" 2>&1 </dev/null &
  client=$!
  background+=("$server" "$client")
  until_true 20 test -S management || { cat "client-$version.log" >&2; fail "openvpn did not start"; }
  python3 answer.py management "$auth_pin" >answer.log 2>&1 &
  background+=("$!")
  until_true 60 has_line "server-$version.log" "Peer Connection Initiated" ||
    { cat "server-$version.log" "client-$version.log" answer.log >&2; fail "TLS $version: no connection"; }
  log=$(cat "server-$version.log")
  expect "TLS $version: the server verified the card's certificate" "$log" "VERIFY OK: depth=0, .*CN=$(holder auth.pem)"
  expect "TLS $version: openvpn used this version" "$log" "Control Channel: TLSv$version"
  kill -TERM "$client" "$server"
  wait "$client" "$server" || true
done
