#!/bin/bash
# pam_pkcs11 logs a user in with the authentication token. It reads every slot that reports "token present" and gives up if one
# has no token, so this test uses the card of a child (no signature certificate) and a card that is not a JPKI card.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need pamtester openssl pkcs11-tool
[ -e /lib/x86_64-linux-gnu/security/pam_pkcs11.so ] || ls /lib/*/security/pam_pkcs11.so >/dev/null 2>&1 ||
  fail "pam_pkcs11 is not installed (Debian: libpam-pkcs11)"
if [ "$JPKI_ISOLATED" != 1 ]; then
  say "SKIPPED: this test mounts a PAM configuration, and mounting is not allowed here"
  exit 77
fi

# One directory of keys: the card in the second reader is the same holder's.
start_card --control "$work/control" --pki "$work/pki"
the_ca
certificates
name=$(holder auth.pem)

# The complete configuration: one CA, and a file that maps common names to users.
mkdir ca pam.d
cp auth-ca.pem ca/
openssl rehash ca
printf '%s -> nobody\n' "$name" >users
configuration() { # NAME MODULE SLOT-LINE
  cat >"$1.conf" <<CONF
pam_pkcs11 {
  use_pkcs11_module = jpki;
  pkcs11_module jpki {
    module = $2;
    $3
    ca_dir = $work/ca;
    cert_policy = ca, signature;
  }
  use_mappers = generic;
  mapper generic {
    module = internal;
    cert_item = cn;
    mapfile = file://$work/users;
  }
}
CONF
  printf 'auth required pam_pkcs11.so config_file=%s debug\naccount required pam_permit.so\n' "$work/$1.conf" >"pam.d/jpki-$1"
}
configuration both "$module" 'slot_description = "none";'
configuration auth-only "$module_auth" 'slot_description = "none";'
configuration any-slot "$module" 'slot_num = 0;' # 0: the first slot that has a token
mount --bind pam.d /etc/pam.d || fail "mount --bind"

log_in() { printf '%s\n' "$2" | pamtester "jpki-$1" nobody authenticate >pam.log 2>&1 && grep -q "successfully authenticated" pam.log; }
# logs_in DESCRIPTION SERVICE
logs_in() {
  log_in "$2" "$auth_pin" || { cat pam.log >&2; fail "$1: pam_pkcs11 ($2)"; }
  say "ok: $1: pam_pkcs11 logs in ($2)"
}

if log_in both 9999; then fail "pam_pkcs11 accepts any PIN: this test would prove nothing"; fi
[ "$(card_control tries auth) $(card_control tries sign)" = "2 5" ] || fail "a wrong PIN cost $(card_control tries auth) $(card_control tries sign)"
for kind in adult child child-empty; do
  swap_card "$kind"
  for service in both auth-only any-slot; do logs_in "$kind" "$service"; done
  [ "$(card_control tries auth)" = 3 ] || fail "$kind: a try was spent"
  expect "$kind: no login stays open" "$(card_control status)" "auth-verified=no"
done

# Another holder's card does not log in; and with a foreign card in the first reader the right card is found in the second.
swap_card adult 2
if log_in both "$auth_pin"; then fail "another person's card logs in"; fi
say "ok: another person's card does not log in"
swap_card storage-6300
"$virtual_card" --port $((JPKI_VPCD_PORT + 1)) --pki "$work/pki" --kind child >second-card.log 2>&1 </dev/null &
background+=("$!")
second_reader_has_a_card() { opensc-tool --list-readers 2>/dev/null | grep -Eq '^1 +Yes '; }
until_true 20 second_reader_has_a_card || fail "no card in the second reader"
for kind in foreign storage-6300 storage-6f00 storage-6881; do
  swap_card "$kind"
  for service in both any-slot; do logs_in "$kind in the first reader, a child's card in the second" "$service"; done
done
