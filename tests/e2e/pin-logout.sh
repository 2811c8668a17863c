#!/bin/bash
# After a logout, and after the end of our process, another process that sends raw APDUs cannot use the key.
. "$(dirname "$0")/lib.sh"
need pkcs11-tool opensc-tool openssl

start_card --control "$work/card.sock"
told() { "$virtual_card" --ctl "$work/card.sock" "$@"; }
printf 'To be signed.\n' >data

select_jpki=00:A4:04:0C:0A:D3:92:F0:00:26:01:00:00:00:01
# raw KEY: the status word to another process that selects the application and requests a signature with that key.
raw() {
  opensc-tool --card-driver default --reader 0 -s "$select_jpki" -s "80:2A:00:$1:05:01:02:03:04:05:00" 2>&1 |
    sed -n 's/^Received (SW1=0x\(..\), SW2=0x\(..\)).*/\1\2/p' | tail -n 1
}
auth_key=97 sign_key=9A

# Proves that this test detects an open login: after a VERIFY by another process that has ended, any process can use the key.
opensc-tool --card-driver default --reader 0 -s "$select_jpki" -s 00:20:00:98:04:31:32:33:34 >/dev/null
[ "$(raw $auth_key)" = 9000 ] || fail "with a login left open the card does not sign: this test would prove nothing"
say "ok: with a login left open the card signs for another process"
told other-application >/dev/null
[ "$(raw $auth_key)" = 6982 ] || fail "the selected security domain does not end the login"

for role in auth sign; do
  token=$auth_token pin=$auth_pin id=$auth_id key=$auth_key
  if [ "$role" = sign ]; then token=$sign_token pin=$sign_pin id=$sign_id key=$sign_key; fi
  # --login logs out at the end.
  check "$role: pkcs11-tool signs" p11 --token-label "$token" --login --pin "$pin" --id "$id" --sign \
    --mechanism SHA256-RSA-PKCS --input-file data --output-file signature
  [ "$(raw $key)" = 6982 ] || fail "$role: the key can be used after pkcs11-tool's logout"
  say "ok: $role: after its logout the card answers 6982 to another process"
  expect "$role: no login stays open" "$(told status)" "$role-verified=no"
done

# A program that never logs out: p11tool ends without it.
uri="$auth_uri;id=%$auth_id;type=private"
check "p11tool signs" p11tool --provider "$module" --batch --login --set-pin "$auth_pin" --test-sign "$uri"
[ "$(raw $auth_key)" = 6982 ] || fail "the key can be used after p11tool's end"
say "ok: after p11tool's end the card answers 6982 to another process"
expect "no wrong PIN was sent" "$(told status)" "auth-tries=3 sign-tries=5"
