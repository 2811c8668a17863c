#!/bin/bash
# OpenSC's test command finds no errors on either token, before and after login.
. "$(dirname "$0")/lib.sh"
need pkcs11-tool

start_card
# The exit status is always 0; the output counts.
says "authentication: --test without login" "No errors" p11 --token-label "$auth_token" --test
says "authentication: --test" "No errors" p11 --token-label "$auth_token" --login --pin "$auth_pin" --test
says "signature: --test without login" "No errors" p11 --token-label "$sign_token" --test
says "signature: --test" "No errors" p11 --token-label "$sign_token" --login --pin "$sign_pin" --test
# A test that skips signatures would find no errors either.
output=$(p11 --token-label "$auth_token" --login --pin "$auth_pin" --test 2>&1)
expect "--test tests signatures" "$output" "testing signature mechanisms"
expect "--test tests RSA-PKCS" "$output" "RSA-PKCS: OK"
