#!/bin/bash
# Apache admits one holder of a card, by the certificate's subject, and nobody else, though every citizen's certificate is from the same
# authority. The client's connection is openssl's, with the card's key through libp11's engine or pkcs11-provider.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need openssl pkcs11-tool
apache=$(command -v apache2 || command -v httpd) || fail "Apache is not installed (Debian: apache2-bin)"
modules=$(find /usr/lib/apache2/modules /usr/lib64/httpd/modules -maxdepth 0 2>/dev/null | head -n 1) || true

start_card --control "$work/control" --pki "$work/pki"
person 2
person 1
cat 1/auth-ca.pem 2/auth-ca.pem >jpki-cas.pem
server_certificate

mkdir -p page
echo "for the holder" >page/index.html
port=$((20000 + SRANDOM % 12000))
{
  for name in mpm_event authn_core authz_core authz_user dir ssl unixd; do
    if [ -e "$modules/mod_$name.so" ]; then echo "LoadModule ${name}_module $modules/mod_$name.so"; fi
  done
  cat <<CONF
ServerRoot $work
ServerName localhost
PidFile $work/apache.pid
DefaultRuntimeDir $work
ErrorLog $work/error.log
LogLevel info
User nobody
DirectoryIndex index.html
Listen 127.0.0.1:$port
DocumentRoot $work/page
SSLEngine on
SSLCertificateFile $work/server.pem
SSLCertificateKeyFile $work/server.key
SSLCACertificateFile $work/jpki-cas.pem
SSLVerifyClient require
SSLVerifyDepth 1
<Location />
  Require expr %{SSL_CLIENT_S_DN_CN} == '$(holder 1/auth.pem)'
</Location>
CONF
} >apache.conf
# Apache's worker is nobody, and must reach the page.
chmod 755 "$JPKI_RUN_DIR" "$work" page
"$apache" -f "$work/apache.conf" -X >apache.log 2>&1 </dev/null &
background+=("$!")
until_true 20 test -s apache.pid || { cat apache.log error.log >&2; fail "Apache did not start"; }

if [[ $(openssl version -e 2>/dev/null) == *engines* ]]; then
  engine_configuration
  export OPENSSL_CONF=$work/engine.cnf
  with=(-engine pkcs11 -keyform engine)
else
  provider_configuration
  export OPENSSL_CONF=$work/provider.cnf
  with=()
fi
answer() { # CERTIFICATE VERSION
  printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -connect "127.0.0.1:$port" "-tls${2/./_}" -CAfile server.pem -verify_return_error \
    -quiet -ign_eof "${with[@]}" -cert "$1" -key "$auth_uri;id=%$auth_id;type=private;pin-value=$auth_pin" 2>s_client.log || true
}
for version in 1.2 1.3; do
  page=$(answer 1/auth.pem "$version")
  expect "the holder who is named gets the page, TLS $version" "$page" "^for the holder"
done
refuse "without a certificate nobody does" \
  "$(printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -connect "127.0.0.1:$port" -quiet -ign_eof 2>/dev/null || true)" "for the holder"
person 2
page=$(answer 2/auth.pem 1.3)
expect "another citizen's certificate is verified, and refused" "$page" "403 Forbidden"
refuse "without the page" "$page" "for the holder"
expect "no try was spent" "$(card_control tries auth)" '^3$'
