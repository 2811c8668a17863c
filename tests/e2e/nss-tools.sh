#!/bin/bash
# NSS's tools load the module after modutil -add, list certificates without a PIN, list keys, sign a CMS message,
# and show the certificate to a TLS server on TLS 1.2 and 1.3.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need modutil certutil cmsutil tstclnt openssl pkcs11-tool

start_card --control "$work/control"
certificates
the_ca
server_certificate
printf '%s' "$auth_pin" >auth.pin
printf '%s' "$sign_pin" >sign.pin
printf 'To be signed.\n' >data

# Browsers get the module with one token ...
nss_database browser "$module_auth"
modules=$(modutil -dbdir sql:browser -list 2>&1) # "-list jpki" fails if one reader is empty, with any module
expect "modutil lists the token" "$modules" "token: $auth_token\$"
refuse "modutil lists no other token" "$modules" "$sign_token"
before=$(card_control tries auth)
list=$(certutil -L -d sql:browser -h all 2>&1 </dev/null)
expect "certutil -L lists the certificate without a PIN" "$list" "^$auth_token:.* u,u,u *\$"
nickname=$(sed -n "s/^\($auth_token:.*[^ ]\)  *u,u,u *\$/\1/p" <<<"$list")
[ "$(card_control tries auth)" = "$before" ] || fail "listing cost a try"
check "certutil -A adds the CA" certutil -A -d sql:browser -n ca -t CT,C,C -i auth-ca.pem
certutil -L -d sql:browser -h "$auth_token" -n "$nickname" -a >nss.pem 2>/dev/null || fail "certutil -L -n"
check "certutil -L prints the card's certificate" cmp <(openssl x509 -in nss.pem) auth.pem
says "certutil -K lists the key" "rsa" certutil -K -d sql:browser -h "$auth_token" -f auth.pin

for version in 1.2 1.3; do
  tls_server "$version"
  # -A sends a file as a request; -o continues although the server's certificate is unknown.
  printf 'GET / HTTP/1.0\r\n\r\n' >request
  page=$(tstclnt -4 -d sql:browser -h localhost -p "$port" -V "tls$version:tls$version" -o -n "$nickname" -W auth.pin \
    -A request 2>tstclnt.log) || { cat tstclnt.log server-$version.log >&2; fail "tstclnt"; }
  verified_by_server "tstclnt" "$page"
done
rejected_by_server "the server rejects a client without a certificate" \
  sh -c "tstclnt -4 -d sql:browser -h localhost -p $port -o -A request || true"

# ... and programs that sign documents the other one.
nss_database signer "$module_sign"
sign_nickname=$(certutil -L -d sql:signer -h "$sign_token" -f sign.pin 2>/dev/null |
  sed -n "s/^\($sign_token:.*[^ ]\)  *u,u,u *\$/\1/p")
[ -n "$sign_nickname" ] || fail "certutil does not list the signature certificate after login"
for role in auth sign; do
  database=browser name=$nickname
  if [ "$role" = sign ]; then database=signer name=$sign_nickname; fi
  cmsutil -S -d "sql:$database" -N "$name" -f "$role.pin" -H SHA256 -Y NONE -i data -o message.cms 2>cmsutil.log ||
    { cat cmsutil.log >&2; fail "$role: cmsutil -S"; }
  says "$role: openssl verifies cmsutil's message" "Verification successful" \
    openssl cms -verify -binary -noverify -inform DER -in message.cms -certfile "$role.pem" -signer signer.pem -out message
  check "$role: the signer is the certificate on the card" cmp signer.pem "$role.pem"
done
