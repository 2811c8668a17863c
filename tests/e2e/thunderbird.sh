#!/bin/bash
# Thunderbird, without a display, signs mail with S/MIME: with the signature key; a local mail server
# receives it, openssl verifies it. Also what Thunderbird says to a CA that it does not trust, and to the missing e-mail address.
. "$(dirname "$0")/lib-browsers.sh"
. "$here/lib-tool.sh"
if [ "${JPKI_DESKTOP-}" != 1 ]; then
  say "SKIPPED: tests/run --desktop drives Thunderbird"
  exit 77
fi
need thunderbird certutil python3 openssl pkcs11-tool
browser=thunderbird
drive_limit=1500

start_card --control "$work/control"
certificates
"$tool" cert sign-ca --der >sign-ca.der || fail "jpki-tool cert sign-ca"
pem sign-ca
nss=profile
mkdir "$nss"
certutil -N -d sql:"$nss" --empty-password
check "jpki-tool registers the module for signing" "$tool" register nss "$nss" --module "$module_sign"

sign_tries="run:$virtual_card --ctl $work/control tries sign"
drive "$nss" pins:WRONG1,"$sign_pin" "choose:Digital Signature" prompts:choose "$sign_tries" \
  send:untrusted prompts:untrusted trust:sign-ca.der send:signed prompts:signed \
  read:"$nss/message-1.eml" \
  "run:$virtual_card --ctl $work/control leave" "gone:$sign_token" "run:$virtual_card --ctl $work/control come" "back:$sign_token" \
  send:cancelled prompts:cancelled pins:"$sign_pin" send:again prompts:again

question="Please .* (security device \($sign_token\)|PKCS#11 token $sign_token)"
not_sent() { expect "$1: the message is not sent" "$(part "send:$2")" '^not sent$'; } # DESCRIPTION SUBJECT
# sent DESCRIPTION SUBJECT NUMBER WHICH: it was sent as message-NUMBER.eml, and openssl verifies it with the certificate of WHICH
sent() {
  local message=$nss/message-$3.eml
  expect "$1: the message is sent" "$(part "send:$2")" '^sent$'
  expect "$1: it has the subject" "$(cat "$message")" "^Subject: $2"
  says "$1: openssl verifies it with the CA on the card" "Verification successful" openssl cms -verify -in "$message" \
    -CAfile "$4-ca.pem" -signer signer.pem -out content
  check "$1: the signer is the certificate on the card" cmp signer.pem "$4.pem"
  expect "$1: the signed text is the message's" "$(sed '1,/^.\?$/d' content | tr -d "\\r" | base64 -d)" '^Two lines\.'
}

choose=$(part prompts:choose)
expect "a wrong password, then the right one: two questions" "$(grep -Ec "$question" <<<"$choose")" '^2$'
expect "the retry counter is reset" "$(part "$sign_tries")" '^5$'
expect "the certificate without an e-mail address is offered" "$choose" "^offered: $sign_token:Digital Signature Certificate"
expect "and taken" "$(part "choose:Digital Signature")" "^signing certificate: $(holder sign.pem)"
expect "an unknown CA is reported" "$choose" "SEC_ERROR_UNKNOWN_ISSUER"
not_sent "unknown CA" untrusted
expect "unknown CA: the reason" "$(part prompts:untrusted)" "cannot be digitally signed because .* issuer is not recognized"

sent "CA trusted for e-mail" signed 1 sign
refuse "no second question" "$(part prompts:signed)" "$question"
sed 's/^VG8gYmUgc2lnbmVk/VG8gYmUgc2lnbmVs/' "$nss/message-1.eml" >changed.eml # "signed" to "signel", in base64
check "a message with another text" test "$(cmp "$nss/message-1.eml" changed.eml | wc -l)" = 1
refuse "openssl does not verify a changed message" "$(openssl cms -verify -in changed.eml -CAfile sign-ca.pem -out content 2>&1)" \
  "Verification successful"
# A reader of the message that trusts the CA, too. NSS verifies messages with another function than Thunderbird does before sending.
read=$(part "read:$nss/message-1.eml")
expect "Thunderbird does not accept the message when it reads it" "$read" '^Digital Signature Is Not Valid$'
expect "Thunderbird shows no icon for it" "$read" "^icon: none\$"
mkdir reader
certutil -N -d sql:reader --empty-password
certutil -A -d sql:reader -n ca -t ,C, -i sign-ca.pem
certutil -A -d sql:reader -n signer -t ,, -i sign.pem
expect "the reason: NSS does not know the certificate's critical policies" "$(certutil -V -d sql:reader -n signer -u S 2>&1 || true)" \
  "unknown critical extension"

# The card was removed and inserted.
not_sent "no password" cancelled
expect "no password: one question" "$(grep -Ec "$question" <<<"$(part prompts:cancelled)")" '^1$'
sent "the right password" again 2 sign
expect "the right password: one question" "$(grep -Ec "$question" <<<"$(part prompts:again)")" '^1$'
expect "no try was lost" "$(card_control tries sign)" '^5$'
