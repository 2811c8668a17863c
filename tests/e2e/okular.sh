#!/bin/bash
# Okular, on its own display, signs a PDF with the signature key; pdfsig and openssl verify it.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
if [ "${JPKI_DESKTOP-}" != 1 ]; then
  say "SKIPPED: tests/run --desktop drives Okular"
  exit 77
fi
need okular Xvfb xdotool dbus-run-session pdfsig modutil certutil python3 openssl pkcs11-tool

start_card --control "$work/control"
certificates
pdf_page page.pdf
nss_database nss "$module_sign"
mkdir -p "$XDG_CONFIG_HOME"
cat >"$XDG_CONFIG_HOME/okular-generator-popplerrc" <<INI
[Signatures]
UseDefaultCertDB=false
DBCertificatePath=file://$work/nss
INI

PYTHONDONTWRITEBYTECODE=1 timeout 1200 dbus-run-session -- \
  python3 "$here/okular.py" okular page.pdf cancel WRONG1 "$sign_pin" >found 2>error ||
  { cat found error okular/okular.log >&2; fail "Okular does not sign"; }
expect "without the password Okular offers no certificate" "$(cat found)" '^no certificate offered$'
expect "Okular asks three times: cancelled, a wrong password, the right one" "$(grep -c '^asked: Enter Password' found)" '^3$'
expect "the retry counter is reset" "$(card_control tries sign)" '^5$'
expect "Okular asks which certificate" "$(cat found)" '^asked: Select certificate to sign with'

verdict=$(pdfsig page_signed.pdf 2>&1 || true)
expect "pdfsig verifies the signature" "$verdict" "Signature Validation: Signature is Valid"
expect "the signer is the card's holder" "$verdict" "Signer Certificate Common Name: $(holder sign.pem)"
expect "the signature covers the whole document" "$verdict" "Total document signed"
check "the signed ranges cover the whole file" python3 "$here/pdf-signed-parts.py" page_signed.pdf
says "openssl verifies the signature" "Verification successful" openssl cms -verify -binary -noverify \
  -inform DER -in message.cms -content ranges -signer signer.pem -out /dev/null
check "the signer is the certificate on the card" cmp signer.pem sign.pem
printf 9 | dd of=page_signed.pdf bs=1 seek=7 conv=notrunc 2>/dev/null # the version, %PDF-1.x
refuse "pdfsig does not verify a file that was changed" "$(pdfsig page_signed.pdf 2>&1 || true)" "Signature is Valid"
