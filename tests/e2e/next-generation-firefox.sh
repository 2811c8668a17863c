#!/bin/bash
# Firefox with the next card as it is guessed (apdu/README.md, The next card): TLS 1.3 and 1.2 with ECDSA P-384.
. "$(dirname "$0")/lib-browsers.sh"
browser=firefox
need firefox-esr
browser_servers --kind next-generation

nss_database next "$module_auth"
firefox_profile next
drive next tokens certificates pins:"$auth_pin" "$(page 1.3)" "$(page 1.2)"
expect "the certificate is listed" "$(part certificates)" "^$auth_token: $(holder auth.pem)\$"
expect "the certificate has a P-384 key" "$(openssl x509 -in auth.pem -noout -text)" "ASN1 OID: secp384r1"
page_verified "next card" 1.3
page_verified "next card" 1.2
