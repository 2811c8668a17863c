#!/bin/bash
# poppler's pdfsig signs a PDF with the signature key; pdfsig and openssl verify it.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need pdfsig modutil certutil python3 openssl pkcs11-tool

start_card --control "$work/control"
certificates
pdf_page page.pdf

printf '%s' "$sign_pin" >sign.pin
nss_database nss "$module_sign"
nickname=$(certutil -L -d sql:nss -h "$sign_token" -f sign.pin 2>/dev/null |
  sed -n "s/^\($sign_token:.*[^ ]\)  *u,u,u *\$/\1/p")
[ -n "$nickname" ] || fail "NSS does not find the signature certificate"

pdfsig page.pdf signed.pdf -nssdir nss -add-signature -nick "$nickname" -nss-pwd "$sign_pin" -digest SHA256 \
  >pdfsig.log 2>&1 || { cat pdfsig.log >&2; fail "pdfsig -add-signature"; }
verdict=$(pdfsig signed.pdf 2>&1 || true)
expect "pdfsig verifies the signature" "$verdict" "Signature Validation: Signature is Valid"
expect "pdfsig names the card's holder as signer" "$verdict" "Signer Certificate Common Name: $(holder sign.pem)"
[ "$(card_control tries sign)" = 5 ] || fail "signing cost a try: $(card_control tries sign) left"
say "ok: signing costs no try"

# openssl must confirm pdfsig's result: the signed ranges of the file, the CMS message between them.
check "the signature covers the whole file except itself" python3 "$here/pdf-signed-parts.py" signed.pdf
# What the legal affairs bureaus (homukyoku) require of a signed PDF.
dictionary=$(python3 "$here/pdf-signed-parts.py" signed.pdf)
expect "the signature dictionary has /Type /Sig" "$dictionary" '/Type */Sig([ /]|$)'
expect "its format is adbe.pkcs7.detached" "$dictionary" '/SubFilter */adbe\.pkcs7\.detached([ /]|$)'
expect "it names the signer" "$dictionary" "/Name *\\($(holder sign.pem)\\)"
expect "it has the signing time" "$dictionary" '/M *\(D:[0-9]{14}'
check "there is one signature" test "$(grep -ac '/ByteRange' signed.pdf)" = 1
refuse "there is no document timestamp" "$(strings signed.pdf)" '/DocTimeStamp|/ETSI\.RFC3161'
refuse "the CMS message has no timestamp" "$(openssl cms -cmsout -print -inform DER -in message.cms)" 'timeStampToken|9\.16\.2\.14'
says "openssl verifies the signature" "Verification successful" openssl cms -verify -binary -noverify -inform DER \
  -in message.cms -content ranges -signer signer.pem -out /dev/null
check "the signer is the certificate on the card" cmp signer.pem sign.pem
printf ' ' | dd of=signed.pdf bs=1 seek=20 conv=notrunc 2>/dev/null
refuse "pdfsig does not verify a file that was changed" "$(pdfsig signed.pdf 2>&1 || true)" "Signature is Valid"
