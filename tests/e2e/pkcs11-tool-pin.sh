#!/bin/bash
# A wrong PIN costs one try and sets the token's flags, a right one resets the retry counter, a PIN that cannot be
# right costs no try, and the last failure blocks.
. "$(dirname "$0")/lib.sh"
need pkcs11-tool

start_card
flags() { p11 -L | awk -v token="$auth_token" '/token label/ { ours = index($0, token) } /token flags/ && ours'; }
attempt() { p11 --token-label "$auth_token" --login --pin "$1" -O 2>&1 || true; }

expect "letters are rejected without a VERIFY" "$(attempt abcd)" "CKR_PIN_(INVALID|INCORRECT|LEN_RANGE)"
expect "three digits are rejected without a VERIFY" "$(attempt 123)" "CKR_PIN_(INVALID|INCORRECT|LEN_RANGE)"
refuse "PINs that cannot be right cost no try" "$(flags)" "user PIN count low"
expect "a wrong PIN is rejected" "$(attempt 0000)" "CKR_PIN_INCORRECT"
expect "after one wrong PIN the count is low" "$(flags)" "user PIN count low"
refuse "after one wrong PIN it is not the final try" "$(flags)" "final user PIN try"
expect "a second wrong PIN is rejected" "$(attempt 0001)" "CKR_PIN_INCORRECT"
expect "after two wrong PINs it is the final try" "$(flags)" "final user PIN try"
refuse "the right PIN logs in" "$(attempt "$auth_pin")" "CKR_"
refuse "the right PIN resets the retry counter" "$(flags)" "user PIN count low|final user PIN try|user PIN locked"
for pin in 0000 0001 0002; do attempt "$pin" >/dev/null; done
expect "three wrong PINs block" "$(flags)" "user PIN locked"
expect "a blocked token rejects the right PIN" "$(attempt "$auth_pin")" "CKR_PIN_LOCKED"
output=$(p11 --token-label "$sign_token" --login --pin "$sign_pin" -O 2>&1)
expect "the other token still logs in" "$output" "^Private Key Object"
