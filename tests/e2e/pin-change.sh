#!/bin/bash
# pkcs11-tool --change-pin, p11tool --set-pin and modutil -changepw change both PINs on the card.
. "$(dirname "$0")/lib.sh"
need pkcs11-tool p11tool modutil certutil

start_card --control "$work/card.sock"
told() { "$virtual_card" --ctl "$work/card.sock" "$@"; }
works() { # TOKEN PIN
  [[ $(p11 --token-label "$1" --login --pin "$2" -O --type privkey 2>&1) == *"Private Key Object"* ]]
}
changed() { # WHAT TOKEN OLD NEW
  check "$1: the new PIN logs in" works "$2" "$4"
  if works "$2" "$3"; then fail "$1: the old PIN still logs in"; fi
  say "ok: $1: the old PIN does not log in"
  check "$1: the new PIN still logs in" works "$2" "$4"
}

check "pkcs11-tool changes the PIN" p11 --token-label "$auth_token" --login --pin "$auth_pin" --change-pin --new-pin 2345
changed "pkcs11-tool, PIN" "$auth_token" "$auth_pin" 2345
check "pkcs11-tool changes the password" p11 --token-label "$sign_token" --login --pin "$sign_pin" --change-pin --new-pin FRESH99
changed "pkcs11-tool, password" "$sign_token" "$sign_pin" FRESH99

output=$(p11 --token-label "$sign_token" --login --pin FRESH99 --change-pin --new-pin ONLYLETTERS 2>&1 || true)
expect "a password without digits is refused" "$output" "CKR_PIN_INVALID"
check "the old password stays valid" works "$sign_token" FRESH99

# modutil asks on a terminal, or reads files. NSS initialises the module in its database.
mkdir nss
certutil -d sql:nss -N --empty-password
check "modutil adds the module" modutil -dbdir sql:nss -force -add jpki -libfile "$module"
echo 2345 >old
echo 3456 >new
check "modutil changes the PIN" modutil -dbdir sql:nss -force -changepw "$auth_token" -pwfile old -newpwfile new
changed "modutil, PIN" "$auth_token" 2345 3456
echo FRESH99 >old
echo OTHER77 >new
check "modutil changes the password" modutil -dbdir sql:nss -force -changepw "$sign_token" -pwfile old -newpwfile new
changed "modutil, password" "$sign_token" FRESH99 OTHER77

# p11tool (GnuTLS 3.7) cannot change a user's PIN: its --initialize-pin is for the security officer, and is rejected without a try.
output=$(GNUTLS_PIN=7890 GNUTLS_SO_PIN=3456 p11tool --provider "$module" --batch --initialize-pin "$auth_uri" 2>&1 || true)
check "p11tool --initialize-pin leaves the PIN" works "$auth_token" 3456

expect "all tries are left" "$(told status)" "auth-tries=3 sign-tries=5"
expect "no login stays open" "$(told status)" "auth-verified=no sign-verified=no"
