#!/bin/bash
# A small tool that links apdu/ alone lists retry counters and prints a certificate.
. "$(dirname "$0")/lib.sh"
lister=${JPKI_CARD_LISTER:-$build/tests/e2e/jpki-card-lister}
[ -x "$lister" ] || fail "no $lister: build first"

start_card
listing=$("$lister")
expect "the tries of the authentication PIN are listed" "$listing" "^authentication: 3 tries left$"
expect "the tries of the signature password are listed" "$listing" "^signature: 5 tries left$"
openssl x509 -inform DER -in certificate.der -noout -serial -startdate -enddate -dateopt iso_8601 >openssl.txt
start=$(sed -n 's/^notBefore=\([0-9]*\)-\([0-9]*\)-\([0-9]*\).*/\1\2\3/p' openssl.txt)
end=$(sed -n 's/^notAfter=\([0-9]*\)-\([0-9]*\)-\([0-9]*\).*/\1\2\3/p' openssl.txt)
serial=$(sed -n 's/^serial=//p' openssl.txt)
expect "openssl reads the same dates" "$listing" "^valid from $start to $end, RSA 2048 bits$"
expect "openssl reads the same serial number" "$listing" "^serial number 02[0-9A-F]{2}(00)?$serial$"
