#!/bin/bash
# Chromium, on a display of its own: the module comes by the user's NSS database, the choice of the certificate by
# policy; a site that requires the card's certificate gets it on TLS 1.2 and 1.3, after the PIN, and after a wrong PIN
# and the right one.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
if [ "${JPKI_DESKTOP-}" != 1 ]; then
  say "SKIPPED: tests/run --desktop drives Chromium"
  exit 77
fi
need chromium Xvfb xdotool modutil certutil python3 openssl pkcs11-tool
if [ "$JPKI_ISOLATED" != 1 ]; then
  say "SKIPPED: mounting is not allowed here, and this test puts no policy in place for real"
  exit 77
fi

start_card --control "$work/control"
certificates
the_ca
server_certificate
tls_server 1.2
port12=$port
tls_server 1.3
port13=$port
# The server's certificate is nobody's, so Chromium is told its key.
server_key=$(openssl x509 -in server.pem -noout -pubkey | openssl pkey -pubin -outform DER |
  openssl dgst -sha256 -binary | base64)

# The examples that people install, with the module of this build and the server of this test.
sed "s|@JPKI_PKCS11_FULL_DIR@|${module_auth%/*}|" "$source_dir/conf/examples/chromium-nssdb.sh" >chromium-nssdb.sh
check "the example registers the module" sh chromium-nssdb.sh
mkdir -p etc/policies/managed
cp -r /etc/chromium/. etc/
sed 's|https://login.example.jp|https://localhost|' "$source_dir/conf/examples/chromium-policy.json" \
  >etc/policies/managed/jpki.json
mount --bind etc /etc/chromium

# drive DIRECTORY STEP...: see chromium.py; what each step found is in the file "found"
drive() {
  timeout 240 python3 "$here/chromium.py" "$1" "option:--ignore-certificate-errors-spki-list=$server_key" "${@:2}" \
    >found 2>error || {
    cat found error >&2
    grep -v dbus "$1/chromium.log" >&2 || true
    fail "Chromium: see the pictures of its display in $work/$1"
  }
}
part() { awk -v step="== $1" '/^== / { on = $0 == step; next } on' found; } # STEP: what it found
asked() { part "$1" | grep -c '^Unlock Security Device'; } # STEP: how often
tries() { part "run:$virtual_card --ctl $work/control tries auth"; }
# NSS looks whether a card is there once a second at most.
until_reader_shows() {
  echo "until opensc-tool -l 2>/dev/null | grep -q '^0 *$1 .*Virtual PCD 00 00'; do sleep 0.1; done; sleep 2"
}
tries=(run:"$virtual_card --ctl $work/control tries auth")

# ---- a wrong PIN, then the right one, on TLS 1.2; then TLS 1.3 ----
drive first pins:0000,"$auth_pin" "page:https://localhost:$port12/" prompts:1.2 "${tries[@]}" \
  "page:https://localhost:$port13/" prompts:1.3
tls_version=1.2
verified_by_server "a wrong PIN, then the right one" "$(part "page:https://localhost:$port12/")"
expect "Chromium asks twice" "$(asked prompts:1.2 || true)" '^2$'
expect "and the card has all its tries again" "$(tries)" '^3$'
tls_version=1.3
verified_by_server "the next page" "$(part "page:https://localhost:$port13/")"
expect "for which Chromium does not ask again" "$(asked prompts:1.3 || true)" '^0$'

# ---- the right PIN on TLS 1.3; the card pulled in between; TLS 1.2 ----
drive second pins:"$auth_pin" "page:https://localhost:$port13/" prompts:1.3 \
  "run:$virtual_card --ctl $work/control leave; $(until_reader_shows No)" \
  "run:$virtual_card --ctl $work/control come; $(until_reader_shows Yes)" \
  pins:"$auth_pin" "page:https://localhost:$port12/" prompts:1.2
verified_by_server "the right PIN" "$(part "page:https://localhost:$port13/")"
expect "Chromium asks once" "$(asked prompts:1.3 || true)" '^1$'
tls_version=1.2
verified_by_server "the card pulled and put back" "$(part "page:https://localhost:$port12/")"
expect "Chromium asks again" "$(asked prompts:1.2 || true)" '^1$'

# ---- no PIN ----
drive third "page:https://localhost:$port13/" prompts:refused
refuse "without the PIN no page" "$(part "page:https://localhost:$port13/")" "Verify return code: 0"
expect "Chromium asks once, and is refused" "$(asked prompts:refused || true)" '^1$'
expect "and it cost no try" "$(card_control tries auth)" '^3$'

# ---- another card, one without PSS: what the README says about such a card ----
card_control leave >/dev/null
until_true 20 reader_shows No || fail "pcscd still sees the card"
card_control swap no-pss >/dev/null
until_true 20 reader_shows Yes || fail "pcscd does not see the other card"
drive fourth pins:"$auth_pin" "page:https://localhost:$port12/" "page:https://localhost:$port13/"
tls_version=1.2
verified_by_server "a card without PSS" "$(part "page:https://localhost:$port12/")"
refuse "which is not enough for TLS 1.3" "$(part "page:https://localhost:$port13/")" "Verify return code: 0"
