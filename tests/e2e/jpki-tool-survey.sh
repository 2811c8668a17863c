#!/bin/bash
# jpki-tool survey on virtual cards of many kinds: every line reports the card's properties, nothing is sent that could sign or cost
# a try, no personal data is in the report.
. "$(dirname "$0")/lib.sh"
. "$here/lib-tool.sh"
need python3

start_card --control "$JPKI_RUN_DIR/control"
exits 17 "survey without consent" "$tool" survey
survey() { "$tool" --json survey --yes "$@" 2>/dev/null </dev/null >survey.json || fail "survey fails: $(cat survey.json)"; }
line() { # CODE REGEX: the measured text
  local found
  found=$(json "[l['measured'] for l in d['result']['lines'] if l['code'] == '$1'][0]" <survey.json)
  [[ $found =~ ^$2$ ]] || fail "$1: $found (wanted $2)"
  say "ok: $kind: $1: $found"
}
card() { # KIND
  kind=$1
  control swap "$kind" >/dev/null
  until_true 20 reader_shows Yes || fail "pcscd does not see the card"
  control reset-counts >/dev/null
  survey
  expect "$kind: no PIN, no signature, no change, no issuer command" "$(control counts)" \
    '"verify":\{"authentication":0,"signature":0\}.*"signatures":\{"authentication":0,"signature":0\},"changes":\{"authentication":0,"signature":0\},"issuer_commands":0'
}

card adult
line atr 3BE000FF8131FE4514
line select 9000
line file-0001 "SELECT 9000, READ 6982"
line file-0002 "SELECT 9000, READ 9000, 3808 bytes, [0-9]+ bytes of DER, filler FF"
line file-0006 "SELECT 9000, READ 9000, 160 bytes"
line file-0008 "SELECT 9000, READ 9000, 3 bytes"
line file-000A "SELECT 9000, READ 9000, 3808 bytes, [0-9]+ bytes of DER, filler FF"
line existence 8F8F00
line token-information "JPKIAPICCTOKEN2, E16R01NJ"
line read-past-end 6B00
line read-at-end 6B00
line read-crossing-end "9000 \(8 bytes\)"
line short-form-read "9000 \(8 bytes\)"
line short-form-selects yes
line extended-le 6700
line read-pin-file 6981
line challenge "9000 \(8 bytes\)"
line tries-authentication 63C3
line tries-signature 63C5
line tries-selected-signature 63C5
line tries-again-authentication unchanged
line sign-p1-04 6982
line sign-p1-7F 6A86
line reselect 9000
line leave 9000
line elsewhere-query 6D00
line select-back 9000
line reset-select 9000
card no-short-forms
line short-form-read 6A86
line short-form-selects "no short form"
line tries-authentication 6A86
line tries-selected-authentication 63C3
card extended
line extended-le "9000 \(160 bytes\)"
card zero-filler
line file-000A ".*filler 00"
card exact-files
line file-000A ".*no filler"
card bare
line file-0006 "SELECT 6A82"
line existence 6A82
card child
line existence 008F00
line tries-signature 6A82
card blocked
line tries-authentication 63C0
card blocked-6983
line tries-authentication 6984
card query-needs-le
line tries-authentication 6700
line tries-le-authentication 63C3
card no-pss
line sign-p1-04 6A86
card strict
line sign-p1-7F 6982
card phone
line file-000A "SELECT 9000, READ 6982"
line token-information "JPKIAPGPSETOKEN, .*"
control swap foreign >/dev/null
until_true 20 reader_shows Yes || fail "pcscd does not see the card"
exits 6 "a card that is not a JPKI card" "$tool" survey --yes

# With the PINs: one VERIFY each, security status reset at the end.
pins() {
  kind=$1
  control swap "$kind" >/dev/null
  until_true 20 reader_shows Yes || fail "pcscd does not see the card"
  control reset-counts >/dev/null
  "$tool" --json survey --yes --with-pin --pin-fd 7 7< <(printf '1234\nABC123\n') >survey.json 2>/dev/null </dev/null || fail "survey --with-pin: $(cat survey.json)"
  expect "$kind: one VERIFY each, no signature" "$(control counts)" '"verify":\{"authentication":1,"signature":1\},.*"signatures":\{"authentication":0,"signature":0\}'
  expect "$kind: no login stays open" "$(control status)" "auth-verified=no sign-verified=no"
  line locked 6982
}
pins adult
line login-authentication verified
line login-signature verified
line login-other-signature verified
line login-reselect-authentication verified
line login-reset-authentication verified
line login-query-authentication 63C3
pins one-login
line login-other-signature "not verified"
pins forgetful
line login-reselect-authentication "not verified"
line login-reset-signature "not verified"

# The report.
control swap adult >/dev/null
until_true 20 reader_shows Yes || fail "pcscd does not see the card"
exits 0 "a report in a file" "$tool" survey --yes --output report.txt
"$tool" cert auth --der --output auth.der 2>/dev/null
refuse "no serial number of a certificate" "$(cat report.txt)" "$(openssl x509 -inform der -in auth.der -noout -serial | sed 's/.*=//')"
expect "the report shows the module's assumptions" "$(cat report.txt)" "the module assumes"
stop_card
