#!/bin/bash
# Firefox with the next card as it is guessed (apdu/README.md, The next card): TLS 1.3 and 1.2 with ECDSA P-384.
. "$(dirname "$0")/lib-browsers.sh"
browser=firefox
need firefox-esr modutil certutil python3 openssl pkcs11-tool
start_card --kind next-generation --control "$work/control"
certificates
the_ca
server_certificate
tls_server 1.2
port12=$port
tls_server 1.3
port13=$port

nss_database next "$module_auth"
cat >next/user.js <<'JS'
user_pref("security.default_personal_cert", "Select Automatically");
user_pref("marionette.port", 0);
user_pref("browser.startup.page", 0);
user_pref("app.normandy.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("security.OCSP.enabled", 0);
JS
drive next tokens certificates pins:"$auth_pin" "$(page 1.3)" "$(page 1.2)"
expect "the certificate is listed" "$(part certificates)" "^$auth_token: $(holder auth.pem)\$"
expect "the certificate has a P-384 key" "$(openssl x509 -in auth.pem -noout -text)" "ASN1 OID: secp384r1"
page_verified "next card" 1.3
page_verified "next card" 1.2
