#!/bin/bash
# Three real processes sign with one card in parallel, through pcscd: every signature verifies and none fails. While another program
# selects another application in between, which ends every login, they get CKR_USER_NOT_LOGGED_IN and no other error,
# log in again, and lose no signature. OpenSSL verifies with certificates that yet another process has read.
. "$(dirname "$0")/lib.sh"
. "$here/lib-processes.sh"
need pkcs11-tool openssl

# Slow enough for others to send commands in between, if they could.
start_card --control "$work/card.sock" --latency --latency-bitrate 1000000 --latency-command-ms 2 --latency-signature-ms 0
certificates
users=(a b c) # two with the authentication key, one with the signature key
slot_of() { if [ "$1" = c ]; then echo 1; else echo 0; fi; }
pin_of() { if [ "$1" = c ]; then echo "$sign_pin"; else echo "$auth_pin"; fi; }
certificate_of() { if [ "$1" = c ]; then echo sign.pem; else echo auth.pem; fi; }

for user in "${users[@]}"; do
  process "$user"
  tell "$user" CKR_OK initialize
  tell "$user" "CKR_OK 0=card 1=card 2=empty 3=empty" slots
  tell "$user" CKR_OK open s "$(slot_of "$user")"
  tell "$user" CKR_OK login s "$(pin_of "$user")"
  tell "$user" CKR_OK key s
done

counts() { told counts | tr -d ' "'; }
told reset-counts >/dev/null

# In parallel: all get the command before any answer is read, and none logs out before all have signed.
for user in "${users[@]}"; do ask "$user" sign s 50 "$(certificate_of "$user")"; done
for user in "${users[@]}"; do
  hear "$user"
  [ "$answer" = "CKR_OK 50 good 0 logins" ] || fail "$user, signing at once with others: $answer"
done
expect "three processes sign in parallel with two keys: each signature verifies, no error, no VERIFY" \
  "$(counts)" "verify:.*authentication:0,signature:0.*signatures:.*authentication:100,signature:50"

# A program that does not use JPKI selects its own application repeatedly.
process other
tell other ok pcsc connect shared
ask other pcsc repeat 40 00A4040C07A0000001510000
for user in "${users[@]}"; do ask "$user" resign s 100 "$(pin_of "$user")" "$(certificate_of "$user")"; done
hear other
[ "$answer" = "ok 40 times" ] || fail "the other program: $answer"
logins=0
for user in "${users[@]}"; do
  hear "$user"
  [[ $answer == "CKR_OK 100 good "*" logins" ]] || fail "$user, disturbed by another program: $answer"
  read -r _ _ _ lost _ <<<"$answer"
  logins=$((logins + lost))
done
[ "$logins" -ge 10 ] || fail "only $logins logins were lost to the other program: this proves nothing"
say "ok: while another program selects another application 40 times: 300 signatures verify, none lost, $logins logins"
expect "no wrong PIN was sent" "$(told status)" "auth-tries=3 sign-tries=5"

# At the end no login is open.
for user in "${users[@]}"; do
  tell "$user" CKR_OK finalize
  process_ends "$user" 0
done
process_ends other 0
expect "no login stays open" "$(told status)" "auth-verified=no sign-verified=no"
