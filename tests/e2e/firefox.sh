#!/bin/bash
# Firefox, without a display: the module comes from an enterprise policy and from jpki-tool register; a site that requires the card's
# certificate gets it on TLS 1.2 and 1.3, after the right PIN, and after a wrong PIN and the right one.
. "$(dirname "$0")/lib-browsers.sh"
. "$here/lib-tool.sh"
browser=firefox
browser_test firefox-esr

# The text of Firefox, and that of ESR 140.
question="Please .* (security device \($auth_token\)|PKCS#11 token $auth_token)"
listed() { # DESCRIPTION: what Firefox shows before a PIN was entered
  expect "$1: the device manager shows the token" "$(part tokens)" "^(JPKI|My Number Card): $auth_token\$"
  refuse "$1: the device manager does not show the signature token" "$(part tokens)" "$sign_token"
  expect "$1: the certificate is listed" "$(part certificates)" "^$auth_token: $(holder auth.pem)\$"
  refuse "$1: Firefox asks for no PIN" "$(part prompts:listing)" "Please "
}

# ---- by policy: a wrong PIN, then the right one, on TLS 1.2; then TLS 1.3 ----
mkdir distribution
cat >distribution/policies.json <<JSON
{ "policies": { "SecurityDevices": { "Add": { "JPKI": "$module_auth" } } } }
JSON
mount --bind distribution /usr/lib/firefox-esr/distribution
firefox_profile by-policy
drive by-policy tokens certificates prompts:listing pins:0000,"$auth_pin" "$(page 1.2)" prompts:1.2 "$tries_step" \
  logout pins:"$auth_pin" "$(page 1.3)" prompts:1.3
listed "policy"
page_verified "policy" 1.2
expect "a wrong PIN, then the right one: Firefox asks twice, for the authentication token" \
  "$(part prompts:1.2 | grep -Ec "$question")" '^2$'
expect "the retry counter is reset" "$(tries_then)" '^3$'
page_verified "policy" 1.3
expect "right PIN: Firefox asks once" "$(part prompts:1.3 | grep -Ec "$question")" '^1$'
umount /usr/lib/firefox-esr/distribution

# ---- by jpki-tool: no PIN, then a PIN; the card removed and inserted; another card, one without PSS ----
firefox_profile by-tool
certutil -N -d sql:by-tool --empty-password || fail "certutil -N"
mkdir -p "$HOME/.mozilla/firefox"
printf '[Profile0]\nName=by-tool\nIsRelative=0\nPath=%s\n' "$work/by-tool" >"$HOME/.mozilla/firefox/profiles.ini"
check "jpki-tool registers the module" "$tool" register firefox --module "$module_auth"
drive by-tool "run:status=0; '$tool' register firefox --remove >running 2>&1 || status=\$?; test \$status = 18" tokens certificates prompts:listing "$(page 1.2)" prompts:refused \
  pins:"$auth_pin" "$(page 1.3)" prompts:1.3 \
  "run:$virtual_card --ctl $work/control leave" "gone:$auth_token" \
  "run:$virtual_card --ctl $work/control come" "back:$auth_token" \
  pins:"$auth_pin" "$(page 1.2 again)" prompts:1.2 \
  "run:$virtual_card --ctl $work/control leave" "gone:$auth_token" \
  "run:$virtual_card --ctl $work/control swap no-pss" "back:$auth_token" \
  pins:"$auth_pin" "$(page 1.2 no-pss)" "$(page 1.3 no-pss)"
listed "jpki-tool"
expect "jpki-tool changes nothing while Firefox runs" "$(cat running)" "is in use: .*\\(process [0-9]+\\)"
page_refused "no page without the PIN" 1.2
page_verified "jpki-tool" 1.3
expect "Firefox asks once" "$(part prompts:1.3 | grep -Ec "$question")" '^1$'
page_verified "card removed and inserted" 1.2 again
expect "Firefox asks again" "$(part prompts:1.2 | grep -Ec "$question")" '^1$'
page_verified "card without PSS" 1.2 no-pss
page_refused "card without PSS, TLS 1.3" 1.3 no-pss
check "jpki-tool removes the module" "$tool" register firefox --remove
refuse "pkcs11.txt, as Firefox wrote it, has no entry of jpki-tool" "$(cat by-tool/pkcs11.txt)" "jpki"
