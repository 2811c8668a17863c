#!/bin/bash
# osslsigncode signs a Windows program with the signature key through libp11's engine; openssl verifies the signature.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need osslsigncode openssl pkcs11-tool python3

start_card
certificates
id=$(p11 --token-label "$sign_token" -O --type cert 2>/dev/null | awk '$1 == "ID:" { print $2 }')
object cert "$sign_token" "$id" sign-ca.der
pem sign-ca

python3 "$here/pe-program.py" program.exe

# Without -pkcs11engine it finds the engine by its name; Debian 12's osslsigncode takes a path for the name.
says "osslsigncode sign" "Succeeded" osslsigncode sign -pkcs11module "$module" -h sha256 \
  -certs sign.pem -key "$sign_uri;id=%$sign_id;type=private;pin-value=$sign_pin" -in program.exe -out signed.exe

verdict=$(osslsigncode verify -CAfile sign-ca.pem -in signed.exe 2>&1 || true)
expect "osslsigncode finds the signer" "$verdict" "CN=$(holder sign.pem)"
calculated=$(sed -n 's/^Calculated message digest *: *//p' <<<"$verdict")
expect "the digest is the file's" "$verdict" "^Current message digest *: *${calculated:-none}\$"
check "the signature can be taken out" osslsigncode extract-signature -pem -in signed.exe -out signature.pem
# The content is Microsoft's own structure without its header: what openssl has to hash, but does not find by itself.
read -r offset header length < <(openssl asn1parse -in signature.pem | grep -A 2 -m 1 '1\.3\.6\.1\.4\.1\.311\.2\.1\.4$' |
  sed -n '3s/^ *\([0-9]*\):d=5 *hl=\([0-9]*\) *l= *\([0-9]*\) cons: SEQUENCE.*/\1 \2 \3/p')
openssl pkcs7 -in signature.pem -outform DER -out signature.der
dd if=signature.der of=content bs=1 skip=$((offset + header)) count="$length" status=none
says "and openssl verifies it" "Verification successful" openssl smime -verify -binary -noverify -inform DER \
  -in signature.der -content content -signer signer.pem -out /dev/null
check "the signer is the certificate on the card" cmp signer.pem sign.pem
