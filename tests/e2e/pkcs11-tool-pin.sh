#!/bin/bash
# A wrong PIN costs one try and shows in the token's flags, a right one brings the tries back, a PIN that cannot be
# right costs nothing, and the last failure blocks.
. "$(dirname "$0")/lib.sh"
need pkcs11-tool

start_card
flags() { p11 -L | awk -v token="$auth_token" '/token label/ { ours = index($0, token) } /token flags/ && ours'; }
attempt() { p11 --token-label "$auth_token" --login --pin "$1" -O 2>&1 || true; }

expect "letters are refused before the card sees them" "$(attempt abcd)" "CKR_PIN_(INVALID|INCORRECT|LEN_RANGE)"
expect "three digits are refused before the card sees them" "$(attempt 123)" "CKR_PIN_(INVALID|INCORRECT|LEN_RANGE)"
refuse "neither cost a try" "$(flags)" "user PIN count low"
expect "a wrong PIN is refused" "$(attempt 0000)" "CKR_PIN_INCORRECT"
expect "and the count is low now" "$(flags)" "user PIN count low"
refuse "but not at the last try" "$(flags)" "final user PIN try"
expect "a second wrong PIN is refused" "$(attempt 0001)" "CKR_PIN_INCORRECT"
expect "and the last try is left" "$(flags)" "final user PIN try"
refuse "the right PIN logs in" "$(attempt "$auth_pin")" "CKR_"
refuse "and brings the tries back" "$(flags)" "user PIN count low|final user PIN try|user PIN locked"
for pin in 0000 0001 0002; do attempt "$pin" >/dev/null; done
expect "three wrong PINs block" "$(flags)" "user PIN locked"
expect "and then the right one is refused" "$(attempt "$auth_pin")" "CKR_PIN_LOCKED"
output=$(p11 --token-label "$sign_token" --login --pin "$sign_pin" -O 2>&1)
expect "the other role is none the worse" "$output" "^Private Key Object"
