#!/bin/bash
# pam_p11 logs a user in with the card: it compares the key or certificate with the user's list, so another citizen's card is
# rejected; a wrong PIN, the last try, a blocked PIN, and a renewed certificate, which must be enrolled.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need pamtester ssh-keygen openssl pkcs11-tool
if [ "$JPKI_ISOLATED" != 1 ]; then
  say "SKIPPED: this test mounts a PAM configuration, and mounting is not allowed here"
  exit 77
fi
pam_p11=/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo x86_64-linux-gnu)/security/pam_p11.so
[ -e "$pam_p11" ] || fail "pam_p11 is not installed (Debian: libpam-p11)"

# A service and a user for this test, in this mount namespace only.
mkdir pam.d holder
printf 'auth required pam_p11.so %s\naccount required pam_permit.so\n' "$module_auth" >pam.d/jpki-test
mount --bind pam.d /etc/pam.d
{ cat /etc/passwd; echo "jpki-holder:x:$(id -u):$(id -g)::$work/holder:/bin/sh"; } >passwd
mount --bind passwd /etc/passwd

login() { # PIN: as the user, who types this PIN
  printf '%s\n' "$1" | timeout 60 pamtester jpki-test jpki-holder authenticate 2>&1 || true
}

start_card --control "$work/control" --pki "$work/pki"
certificates
mkdir holder/.eid
refuse "a card that is not in the list does not log in" "$(login "$auth_pin")" "successfully authenticated"
cp auth.pem holder/.eid/authorized_certificates
expect "the enrolled card logs in" "$(login "$auth_pin")" "successfully authenticated"
expect "a login costs no try" "$(card_control tries auth)" '^3$'
refuse "a wrong PIN does not log in" "$(login 0000)" "successfully authenticated"
expect "a wrong PIN costs one try" "$(card_control tries auth)" '^2$'
expect "the right PIN resets the retry counter" "$(login "$auth_pin")$(card_control tries auth)" '^3$|authenticated3$'

# ---- the last try, and a blocked PIN ----
card_control tries auth 1 >/dev/null
log=$(login "$auth_pin")
expect "pam_p11 warns on the last try" "$log" "last try|final try|only one"
expect "on the last try the right PIN logs in" "$log" "successfully authenticated"
card_control tries auth 0 >/dev/null
# pam_p11 0.3.1 does not return; no version may log the user in.
login_or_hang() { printf '%s\n' "$auth_pin" | timeout 15 pamtester jpki-test jpki-holder authenticate 2>&1 || true; }
refuse "a blocked PIN does not log in" "$(login_or_hang)" "successfully authenticated"
expect "a blocked PIN stays blocked" "$(card_control tries auth)" '^0$'
card_control tries auth 3 >/dev/null

# ---- another card: another citizen's, or the same holder's after renewal. The list decides. ----
stop_card
cp auth.pem old.pem
start_card --control "$work/control" --pki "$work/pki" --person 2
certificates
refuse "another card does not log in" "$(login "$auth_pin")" "successfully authenticated"
cat auth.pem >>holder/.eid/authorized_certificates
expect "a second enrolled card logs in" "$(login "$auth_pin")" "successfully authenticated"
cp auth.pem holder/.eid/authorized_certificates
stop_card
start_card --control "$work/control" --pki "$work/pki"
refuse "a card removed from the list does not log in" "$(login "$auth_pin")" "successfully authenticated"
