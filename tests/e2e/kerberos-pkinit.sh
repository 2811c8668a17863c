#!/bin/bash
# Kerberos: kinit gets a ticket with the card (PKINIT) from the KDC of this test, which admits the holder whose certificate's subject is
# in the principal's entry: not another citizen, whose card the same CA issued, until the entry names that card too. A wrong PIN, and
# the last try.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need krb5kdc kdb5_util kadmin.local kinit klist kvno openssl pkcs11-tool
ls /usr/lib/*/krb5/plugins/preauth/pkinit.so >/dev/null 2>&1 || fail "PKINIT is not installed (Debian: krb5-pkinit)"

start_card --control "$work/control" --pki "$work/pki"
certificates
the_ca
mkdir one
cp auth.pem auth-ca.pem one
swap_card adult 2
certificates
the_ca
mkdir two
cp auth.pem auth-ca.pem two
cat one/auth-ca.pem two/auth-ca.pem >jpki-cas.pem

# ---- the KDC: its certificate has the key purpose and the name that RFC 4556 requires ----
cat >kdc-extensions.cnf <<'CNF'
[req]
distinguished_name = name
x509_extensions = kdc
[name]
[kdc]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = 1.3.6.1.5.2.3.5
subjectAltName = otherName:1.3.6.1.5.2.2;SEQUENCE:kdc_principal
[kdc_principal]
realm = EXP:0, GeneralString:EXAMPLE.ORG
name = EXP:1, SEQUENCE:kdc_name
[kdc_name]
type = EXP:0, INTEGER:2
parts = EXP:1, SEQUENCE:kdc_parts
[kdc_parts]
first = GeneralString:krbtgt
second = GeneralString:EXAMPLE.ORG
CNF
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=kdc -days 2 -config kdc-extensions.cnf -keyout kdc.key -out kdc.pem 2>kdc-pem.log ||
  { cat kdc-pem.log >&2; fail "cannot make the KDC's certificate"; }

kdc_configuration() { # PORT: krb5.conf and kdc.conf
  cat >krb5.conf <<CONF
[libdefaults]
  default_realm = EXAMPLE.ORG
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  default_ccache_name = FILE:$work/tickets
[realms]
  EXAMPLE.ORG = {
    kdc = 127.0.0.1:$1
    pkinit_anchors = FILE:$work/kdc.pem
    pkinit_anchors = FILE:$work/jpki-cas.pem
    pkinit_identities = PKCS11:module_name=$module_auth:certid=$auth_id
  }
CONF
  cat >kdc.conf <<CONF
[kdcdefaults]
  kdc_listen = 127.0.0.1:$1
  kdc_tcp_listen = 127.0.0.1:$1
[realms]
  EXAMPLE.ORG = {
    database_name = $work/kdc/principal
    key_stash_file = $work/kdc/stash
    acl_file = $work/kdc/acl
    pkinit_identity = FILE:$work/kdc.pem,$work/kdc.key
    pkinit_anchors = FILE:$work/jpki-cas.pem
    pkinit_eku_checking = none
  }
[logging]
  kdc = FILE:$work/kdc.log
CONF
}
export KRB5_CONFIG=$work/krb5.conf KRB5_KDC_PROFILE=$work/kdc.conf
mkdir kdc
: >kdc.log
kdc_configuration 88
check "a realm" kdb5_util create -s -r EXAMPLE.ORG -P "$(openssl rand -hex 16)"
# No password for alice: only the card logs in.
check "a principal without a password" kadmin.local addprinc +requires_preauth -nokey alice
check "a service" kadmin.local addprinc -randkey host/server
for _ in 1 2 3 4 5; do # another port if this one is in use
  port=$((20000 + SRANDOM % 12000))
  kdc_configuration "$port"
  krb5kdc -n -P kdc.pid >kdc.out 2>&1 </dev/null &
  kdc=$!
  background+=("$kdc")
  kdc_is_up_or_dead() { has_line kdc.log "commencing operation" || ! kill -0 "$kdc" 2>/dev/null; }
  until_true 20 kdc_is_up_or_dead || fail "krb5kdc did not start"
  if kill -0 "$kdc" 2>/dev/null; then break; fi
done
kill -0 "$kdc" 2>/dev/null || { cat kdc.log kdc.out >&2; fail "krb5kdc did not start"; }

# ---- the client ----
# In the KDC's form: in the order of the certificate
subject() { openssl x509 -in "$1" -noout -subject -nameopt sep_comma_plus,sname | sed "s/^subject=//"; }
match() { check "the KDC's entry: $1" kadmin.local setstr alice pkinit_cert_match "$1"; }
# log_in PIN: kinit as alice, who types this PIN; klist then shows whether there is a ticket
log_in() {
  rm -f tickets
  printf '%s\n' "$1" | KRB5_TRACE=$work/kinit.trace timeout 120 kinit alice >kinit.log 2>&1 || true
  [[ $(klist 2>/dev/null) == *"krbtgt/EXAMPLE.ORG@EXAMPLE.ORG"* ]]
}
shown() { cat kinit.log kinit.trace kdc.log >&2; fail "$1"; }
issued() { grep -c "AS_REQ .* ISSUE: .*alice@EXAMPLE.ORG for krbtgt/EXAMPLE.ORG@EXAMPLE.ORG" kdc.log || true; }
logs_in() { # DESCRIPTION PIN
  local before
  before=$(issued)
  log_in "$2" || shown "$1"
  [ "$(issued)" -gt "$before" ] || shown "$1: the KDC's log has no ticket for alice"
  say "ok: $1"
}
does_not() { # DESCRIPTION PIN
  local before
  before=$(issued)
  if log_in "$2"; then shown "$1"; fi
  [ "$(issued)" = "$before" ] || shown "$1: the KDC issued a ticket"
  say "ok: $1"
}

match "<SUBJECT>^$(subject one/auth.pem)\$"
does_not "another citizen's card gets no ticket" "$auth_pin"
expect "the KDC logs the other subject" "$(tail -n 3 kdc.log)" "PREAUTH_FAILED: alice@EXAMPLE.ORG .*Certificate mismatch"
swap_card adult 1
card_control reset-counts >/dev/null
logs_in "kinit with the card that is in the entry" "$auth_pin"
expect "the KDC has preauthenticated alice by PKINIT" "$(klist -f)" 'Flags:.*A'
say "counted: $(card_control counts)"
says "kvno gets a service ticket" "kvno = " kvno host/server
expect "no login stays open" "$(card_control status)" "auth-verified=no"
[ "$(card_control tries auth) $(card_control tries sign)" = "3 5" ] || fail "a try was spent"
say "ok: no try was spent"

does_not "a wrong PIN" 0000
expect "a wrong PIN costs one try" "$(card_control tries auth)" '^2$'
does_not "a second one" 0000
expect "the second wrong PIN leaves one try" "$(card_control tries auth)" '^1$'
logs_in "the right PIN on the last try" "$auth_pin"
expect "kinit warns of the final try" "$(cat kinit.log)" "final"
expect "the right PIN resets the retry counter" "$(card_control tries auth)" '^3$'

# ---- renewal: another key and another subject ----
match "||<SUBJECT>^$(subject one/auth.pem)\$<SUBJECT>^$(subject two/auth.pem)\$"
logs_in "the old card, with both in the entry" "$auth_pin"
swap_card adult 2
logs_in "the new card, with both in the entry" "$auth_pin"
