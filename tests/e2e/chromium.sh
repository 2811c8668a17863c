#!/bin/bash
# Chromium, on its own display: the module comes from the user's NSS database, the choice of the certificate from
# a policy; a site that requires the card's certificate gets it on TLS 1.2 and 1.3, after the right PIN, and after a wrong PIN
# and the right one.
. "$(dirname "$0")/lib-browsers.sh"
. "$here/lib-tool.sh"
if [ "${JPKI_DESKTOP-}" != 1 ]; then
  say "SKIPPED: tests/run --desktop drives Chromium"
  exit 77
fi
browser=chromium
browser_test chromium Xvfb xdotool
# The server's certificate has no trusted issuer, so Chromium gets the hash of its key.
server_key=$(openssl x509 -in server.pem -noout -pubkey | openssl pkey -pubin -outform DER |
  openssl dgst -sha256 -binary | base64)
trusting="option:--ignore-certificate-errors-spki-list=$server_key"

check "jpki-tool registers the module" "$tool" register chromium --module "$module_auth"
# The installed example, with the server of this test.
mkdir -p etc/policies/managed
cp -r /etc/chromium/. etc/
sed 's|https://login.example.jp|https://localhost|' "$source_dir/conf/examples/chromium-policy.json" \
  >etc/policies/managed/jpki.json
mount --bind etc /etc/chromium

asked() { part "$1" | grep -c '^Unlock Security Device'; } # STEP: how often Chromium asked
# NSS checks at most once a second whether a card is present.
until_reader_shows() {
  echo "until opensc-tool -l 2>/dev/null | grep -q '^0 *$1 .*Virtual PCD 00 00'; do sleep 0.1; done; sleep 2"
}

# ---- a wrong PIN, then the right one, on TLS 1.2; then TLS 1.3 ----
drive first "$trusting" pins:0000,"$auth_pin" "$(page 1.2)" prompts:1.2 "$tries_step" "$(page 1.3)" prompts:1.3
page_verified "a wrong PIN, then the right one" 1.2
expect "Chromium asks twice" "$(asked prompts:1.2 || true)" '^2$'
expect "the retry counter is reset" "$(tries_then)" '^3$'
page_verified "the next page" 1.3
expect "Chromium does not ask again for TLS 1.3" "$(asked prompts:1.3 || true)" '^0$'

# ---- the right PIN on TLS 1.3; the card removed and inserted; TLS 1.2 ----
drive second "$trusting" pins:"$auth_pin" "$(page 1.3)" prompts:1.3 \
  "run:$virtual_card --ctl $work/control leave; $(until_reader_shows No)" \
  "run:$virtual_card --ctl $work/control come; $(until_reader_shows Yes)" \
  pins:"$auth_pin" "$(page 1.2)" prompts:1.2
page_verified "the right PIN" 1.3
expect "Chromium asks once" "$(asked prompts:1.3 || true)" '^1$'
page_verified "card removed and inserted" 1.2
expect "after the insertion Chromium asks again" "$(asked prompts:1.2 || true)" '^1$'

# ---- no PIN ----
drive third "$trusting" "$(page 1.3)" prompts:refused
page_refused "without the PIN no page" 1.3
expect "Chromium asks once, and the dialog is cancelled" "$(asked prompts:refused || true)" '^1$'
expect "a cancelled dialog costs no try" "$(card_control tries auth)" '^3$'

# ---- another card, one without PSS, as the README describes ----
remove_card
swap_card no-pss
drive fourth "$trusting" pins:"$auth_pin" "$(page 1.2)" "$(page 1.3)"
page_verified "a card without PSS" 1.2
page_refused "card without PSS, TLS 1.3" 1.3
