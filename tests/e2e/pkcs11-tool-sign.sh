#!/bin/bash
# Both keys sign with every mechanism through pkcs11-tool, and openssl verifies each signature against the
# certificate on the token.
. "$(dirname "$0")/lib.sh"
need pkcs11-tool openssl

start_card
certificates
printf 'To be signed.\n' >data

# For CKM_RSA_PKCS the caller builds the DigestInfo: the DER header of RFC 8017 section 9.2, then the hash.
digest_info() {
  local header
  case $1 in
    sha1) header='\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14' ;;
    sha256) header='\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20' ;;
    sha384) header='\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30' ;;
    sha512) header='\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40' ;;
  esac
  printf '%b' "$header"
  openssl dgst "-$1" -binary data
}
for hash in sha1 sha256 sha384 sha512; do digest_info "$hash" >"data.$hash"; done
openssl dgst -sha256 -binary data >data.hash

sign() { # ROLE MECHANISM INPUT [OPTION...] -> signature
  local role=$1 mechanism=$2 input=$3
  shift 3
  local token=$auth_token pin=$auth_pin id=$auth_id
  if [ "$role" = sign ]; then token=$sign_token pin=$sign_pin id=$sign_id; fi
  rm -f signature
  check "$role: $mechanism signs" p11 --token-label "$token" --login --pin "$pin" --id "$id" \
    --sign --mechanism "$mechanism" --input-file "$input" --output-file signature "$@"
  [ "$(stat -c %s signature)" = 256 ] || fail "$role: $mechanism: a signature has 256 bytes"
}

for role in auth sign; do
  for hash in sha1 sha256 sha384 sha512; do
    sign "$role" RSA-PKCS "data.$hash"
    verified "$role: RSA-PKCS with a $hash DigestInfo verifies" "$hash" "$role.pub" signature data
  done
  for hash in sha256 sha384 sha512; do
    sign "$role" "${hash^^}-RSA-PKCS" data
    verified "$role: ${hash^^}-RSA-PKCS verifies" "$hash" "$role.pub" signature data
  done
  sign "$role" RSA-PKCS-PSS data.hash --hash-algorithm SHA256 --mgf MGF1-SHA256 --salt-len 32
  verified "$role: RSA-PKCS-PSS verifies" sha256 "$role.pub" signature data "${pss[@]}"
  sign "$role" SHA256-RSA-PKCS-PSS data --mgf MGF1-SHA256 --salt-len 32
  verified "$role: SHA256-RSA-PKCS-PSS verifies" sha256 "$role.pub" signature data "${pss[@]}"
done

# Check the verifier too: other data must not verify.
printf 'Something else.\n' >other
if [[ $(openssl dgst -sha256 "${pss[@]}" -verify sign.pub -signature signature other 2>/dev/null) == *"Verified OK"* ]]; then
  fail "openssl verifies other data"
fi

# Requests that the card cannot fulfil are rejected, and no signature is written.
rm -f signature
output=$(p11 --token-label "$auth_token" --login --pin "$auth_pin" --id "$auth_id" --sign --mechanism SHA256-RSA-PKCS-PSS \
  --mgf MGF1-SHA256 --salt-len 20 --input-file data --output-file signature 2>&1 || true)
expect "PSS with 20 bytes of salt is rejected" "$output" "CKR_MECHANISM_PARAM_INVALID"
if [ -s signature ]; then fail "a signature was written"; fi
