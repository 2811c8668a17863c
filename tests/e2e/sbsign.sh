#!/bin/bash
# sbsign signs an EFI program with the signature key through libp11's engine; sbverify and openssl verify the signature.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need openssl pkcs11-tool python3 osslsigncode
command -v sbsign >/dev/null || { say "SKIPPED: sbsign is not installed (Debian: sbsigntool)"; exit 77; }

start_card --control "$work/control"
certificates
id=$(p11 --token-label "$sign_token" -O --type cert 2>/dev/null | hex_ids)
object cert "$sign_token" "$id" sign-ca.der
pem sign-ca
engine_configuration
python3 "$here/pe-program.py" program.efi

card_control reset-counts >/dev/null
says "sbsign" "Signing" env "OPENSSL_CONF=$work/engine.cnf" sbsign --engine pkcs11 \
  --key "$sign_uri;id=%$sign_id;type=private;pin-value=$sign_pin" --cert sign.pem --output signed.efi program.efi
say "counted: $(card_control counts)"
says "sbverify" "Signature verification OK" sbverify --cert sign.pem signed.efi
authenticode_verified signed.efi
printf 'X' | dd of=signed.efi bs=1 seek=600 conv=notrunc status=none
refuse "sbverify rejects a changed file" "$(sbverify --cert sign.pem signed.efi 2>&1 || true)" "verification OK"
[ "$(card_control tries auth) $(card_control tries sign)" = "3 5" ] || fail "a try was spent"
