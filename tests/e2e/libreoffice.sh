#!/bin/bash
# LibreOffice, without a display, exports a signed PDF through its UNO interface; pdfsig and openssl verify it.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
if [ "${JPKI_DESKTOP-}" != 1 ]; then
  say "SKIPPED: tests/run --desktop drives LibreOffice"
  exit 77
fi
need soffice pdfsig modutil certutil openssl pkcs11-tool
python=/usr/bin/python3 # Debian's own, for which python3-uno is built
"$python" -c 'import uno' || fail "python3-uno is not installed (tests/run --desktop installs what is needed)"

start_card --control "$work/control"
certificates
nss_database nss "$module_sign"
export MOZILLA_CERTIFICATE_FOLDER=$work/nss

# sign DIRECTORY PASSWORD...: makes signed.pdf, with a new profile; LibreOffice's questions are in the file "found"
sign() { timeout 120 "$python" "$here/libreoffice.py" "$1" signed.pdf "${@:2}" >found 2>error; }
signed() { # DESCRIPTION
  local verdict
  expect "$1: the certificate is the one on the card" "$(cat found)" "^certificate: .*CN=$(holder sign.pem)"
  verdict=$(pdfsig signed.pdf 2>&1 || true)
  expect "$1: pdfsig verifies the signature" "$verdict" "Signature Validation: Signature is Valid"
  expect "$1: the signer is the card's holder" "$verdict" "Signer Certificate Common Name: $(holder sign.pem)"
  expect "$1: the signature covers the whole document" "$verdict" "Total document signed"
  check "$1: the signed ranges cover the whole file" "$python" "$here/pdf-signed-parts.py" signed.pdf
  says "$1: openssl verifies the signature" "Verification successful" openssl cms -verify -binary -noverify \
    -inform DER -in message.cms -content ranges -signer signer.pem -out /dev/null
  check "$1: the signer is the certificate on the card" cmp signer.pem sign.pem
}
broken() { cat found error "$1/libreoffice.log" >&2; fail "export of a signed PDF, profile $1"; }

sign first "$sign_pin" || broken first
signed "right password"
expect "LibreOffice asks once, for the signature token" "$(cat found)" "^asked: $sign_token.* \\(PASSWORD_ENTER\\)\$"
expect "LibreOffice asks once" "$(grep -c '^asked' found)" '^1$'
printf 9 | dd of=signed.pdf bs=1 seek=7 conv=notrunc 2>/dev/null # the version, %PDF-1.x
refuse "pdfsig does not verify a file that was changed" "$(pdfsig signed.pdf 2>&1 || true)" "Signature is Valid"
rm signed.pdf

sign second WRONG1 "$sign_pin" || broken second
signed "wrong password, then the right one"
expect "LibreOffice asks again" "$(grep '^asked' found | tail -n 1)" "^asked: $sign_token.* \\(PASSWORD_REENTER\\)\$"
expect "LibreOffice asks twice in total" "$(grep -c '^asked' found)" '^2$'
expect "the retry counter is reset" "$(card_control tries sign)" '^5$'
rm signed.pdf

if sign third; then fail "LibreOffice signs without the password"; fi
expect "without the password LibreOffice does not sign" "$(cat found)" "^error: .*NoPasswordException"
if [ -e signed.pdf ]; then fail "LibreOffice wrote a PDF without the password"; fi
expect "a cancelled dialog costs no try" "$(card_control tries sign)" '^5$'
