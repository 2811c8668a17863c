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
  compared+=("$1")
  say "ok: $kind: $1: $found"
}
# measured [FILE]: every line of the survey, "CODE measured", without sizes of certificates, which differ from key to key
measured() {
  json "'\n'.join(l['code'] + ' ' + l['measured'] for l in d['result']['lines'])" <"${1-survey.json}" | sed -E 's/[0-9]+ bytes of DER/N bytes of DER/'
}
# whole: every line of this card's survey was compared, here or with an ordinary card's (adult.txt).
whole() {
  local code rest
  while read -r code rest; do
    [[ " ${compared[*]} " == *" $code "* ]] || grep -qxF "$code $rest" adult.txt 2>/dev/null ||
      fail "$kind: the line '$code $rest' is neither expected nor as on an ordinary card"
  done < <(measured)
  say "ok: $kind: all $(measured | wc -l) lines are as the card is"
}
card() { # KIND
  kind=$1
  compared=()
  swap_card "$kind"
  control reset-counts >/dev/null
  survey
  expect "$kind: no PIN, no signature, no change, no issuer command" "$(control counts)" \
    '"verify":\{"authentication":0,"signature":0\}.*"signatures":\{"authentication":0,"signature":0\},"changes":\{"authentication":0,"signature":0\},"issuer_commands":0'
}

# An ordinary card: every line.
card adult
measured >adult.txt
line atr 3BE000FF8131FE4514
line protocol T=1
line select 9000
line file-0001 "SELECT 9000, READ 6982"
for file in 0002 000A 000B; do
  line "file-$file" "SELECT 9000, READ 9000, 3808 bytes, [0-9]+ bytes of DER, filler FF"
done
line file-0006 "SELECT 9000, READ 9000, 160 bytes"
line file-0008 "SELECT 9000, READ 9000, 3 bytes"
line file-0009 "SELECT 6A82"
line file-0016 "SELECT 6A82"
line existence 8F8F00
line token-information "JPKIAPICCTOKEN2, E16R01NJ"
line read-past-end 6B00
line read-at-end 6B00
line read-crossing-end "9000 \(8 bytes\)"
line short-form-read "9000 \(8 bytes\)"
line short-form-selects yes
line extended-le 6700
line no-such-file 6A82
line read-pin-file 6981
line challenge "9000 \(8 bytes\)"
for pin in "authentication 63C3" "signature 63C5"; do
  read -r use status <<<"$pin"
  line "tries-$use" "$status"
  line "tries-le-$use" 6700
  line "tries-selected-$use" "$status"
  line "tries-again-$use" unchanged
done
line sign-p1-02 6982
line sign-p1-04 6982
line sign-p1-7F 6A86
line sign-selected-p1-04 6982
line sign-selected-p1-7F 6A86
line sign-p1-01 "not sent: .*"
line phone-command "not sent: .*"
line reselect 9000
line leave 9000
line elsewhere-query 6D00
line select-back 9000
line reset-first 6986
line reset-select 9000
line cold-reset-select 9000
mv adult.txt ordinary.txt # nothing to compare an ordinary card with but the lines above
whole
mv ordinary.txt adult.txt

# Other cards: the lines in which they differ; "whole" compares all others with the ordinary card's.
card phone
line file-000A "SELECT 9000, READ 6982"
line token-information "JPKIAPGPSETOKEN, E16R01NJ"
whole
card iphone
line file-000A "SELECT 9000, READ 6982"
line token-information "JPKIAPIOSTOKEN, E16R01NJ"
whole
card no-short-forms
line short-form-selects "no short form"
for code in short-form-read no-such-file read-pin-file tries-authentication tries-le-authentication tries-signature tries-le-signature \
  sign-p1-02 sign-p1-04 reset-first; do
  line "$code" 6A86
done
whole
card extended
line extended-le "9000 \(160 bytes\)"
whole
card zero-filler
for file in 0002 000A 000B; do line "file-$file" "SELECT 9000, READ 9000, 3808 bytes, .*filler 00"; done
whole
card exact-files
for file in 0002 000A 000B; do line "file-$file" "SELECT 9000, READ 9000, ([0-9]+) bytes, [0-9]+ bytes of DER, no filler"; done
whole
card bare
line file-0006 "SELECT 6A82"
line file-0008 "SELECT 6A82"
line existence 6A82
line token-information 6A82
whole
card child
line file-0001 "SELECT 6A82"
line existence 008F00
line tries-signature 6A82
line tries-le-signature 6A82
line tries-selected-signature "SELECT 6A82"
whole
card blocked-6983
for use in authentication signature; do
  line "tries-$use" 6984
  line "tries-selected-$use" 6984
done
whole
card last-try
for use in authentication signature; do
  line "tries-$use" 63C1
  line "tries-selected-$use" 63C1
done
whole
card query-needs-le
line tries-authentication 6700
line tries-le-authentication 63C3
line tries-selected-authentication 6700
line tries-signature 6700
line tries-le-signature 63C5
line tries-selected-signature 6700
whole
card no-pss
line token-information "JPKIAPICCTOKEN2, E00X00XX"
line sign-p1-04 6A86
line sign-selected-p1-04 6A86
whole
card strict
line sign-p1-7F 6982
line sign-selected-p1-7F 6982
whole
card first-6f00
line cold-reset-select "6F00, then 9000"
whole
card t0
line read-crossing-end 6C08
whole
swap_card foreign
exits 6 "a card that is not a JPKI card" "$tool" survey --yes

# With the PINs: one VERIFY each, security status reset at the end.
pins() {
  kind=$1
  swap_card "$kind"
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
swap_card adult
exits 0 "a report in a file" "$tool" survey --yes --output report.txt
"$tool" cert auth --der --output auth.der 2>/dev/null
refuse "no serial number of a certificate" "$(cat report.txt)" "$(openssl x509 -inform der -in auth.der -noout -serial | sed 's/.*=//')"
expect "the report shows the module's assumptions" "$(cat report.txt)" "the module assumes"
stop_card
