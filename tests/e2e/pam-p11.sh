#!/bin/bash
# pam_p11 logs a user in with the card: the key or certificate is compared with the user's own list, so another citizen's card is
# refused; a wrong PIN, the last try, a blocked PIN, and a renewed certificate, which must be enrolled.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need pamtester ssh-keygen openssl pkcs11-tool
if [ "$JPKI_ISOLATED" != 1 ]; then
  say "SKIPPED: mounting is not allowed here, and this test configures PAM for nobody else"
  exit 77
fi
pam_p11=/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo x86_64-linux-gnu)/security/pam_p11.so
[ -e "$pam_p11" ] || fail "pam_p11 is not installed (Debian: libpam-p11)"

# A service and a user of this test's own, for this mount namespace only.
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
refuse "nobody is enrolled: the card does not log in" "$(login "$auth_pin")" "successfully authenticated"
cp auth.pem holder/.eid/authorized_certificates
expect "the enrolled card logs in" "$(login "$auth_pin")" "successfully authenticated"
expect "and it costs no try" "$(card_control tries auth)" '^3$'
refuse "a wrong PIN does not" "$(login 0000)" "successfully authenticated"
expect "and costs one try" "$(card_control tries auth)" '^2$'
expect "the right one gives it back" "$(login "$auth_pin")$(card_control tries auth)" '^3$|authenticated3$'

# ---- the last try, and a blocked PIN ----
card_control tries auth 1 >/dev/null
log=$(login "$auth_pin")
expect "on the last try it warns" "$log" "last try|final try|only one"
expect "and the right PIN logs in" "$log" "successfully authenticated"
card_control tries auth 0 >/dev/null
# pam_p11 0.3.1 does not come back; whatever a version does, nobody is logged in.
login_or_hang() { printf '%s\n' "$auth_pin" | timeout 15 pamtester jpki-test jpki-holder authenticate 2>&1 || true; }
refuse "with a blocked PIN nobody is logged in" "$(login_or_hang)" "successfully authenticated"
expect "and the card is not asked" "$(card_control tries auth)" '^0$'
card_control tries auth 3 >/dev/null

# ---- another card: another citizen's, or the same person's after renewal. Only the list decides. ----
stop_card
cp auth.pem old.pem
start_card --control "$work/control" --pki "$work/pki" --person 2
certificates
refuse "a card that is not enrolled does not log in" "$(login "$auth_pin")" "successfully authenticated"
cat auth.pem >>holder/.eid/authorized_certificates
expect "enrolled beside the old one it does" "$(login "$auth_pin")" "successfully authenticated"
cp auth.pem holder/.eid/authorized_certificates
stop_card
start_card --control "$work/control" --pki "$work/pki"
refuse "and the old one does not, once it is removed from the list" "$(login "$auth_pin")" "successfully authenticated"
