#!/bin/bash
# Go's crypto11 signs with both keys as a crypto.Signer, PKCS#1 and PSS, and shows the card's certificate to a TLS server, on TLS 1.2 and
# 1.3. Go builds the program from Debian's packages, without a network.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need openssl pkcs11-tool
crypto11=/usr/share/gocode/src/github.com/ThalesIgnite/crypto11
if ! command -v go >/dev/null || [ ! -d "$crypto11" ]; then
  say "SKIPPED: Go or its crypto11 is not installed (Debian: golang-go, golang-github-thalesignite-crypto11-dev)"
  exit 77
fi
export GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS=-p=2 GOCACHE=$work/go-cache GOTOOLCHAIN=local
mkdir program
cp "$here/go-crypto11.go" program/main.go
check "go build" go build -o crypto11-program ./program/main.go

start_card --control "$work/control"
certificates
the_ca
server_certificate
printf 'To be signed.\n' >data

program() { ./crypto11-program "$@"; }
for role in auth sign; do
  token=$auth_token id=$auth_id pin=$auth_pin
  if [ "$role" = sign ]; then token=$sign_token id=$sign_id pin=$sign_pin; fi
  for padding in pkcs1 pss; do
    rm -f signature
    card_control reset-counts >/dev/null
    check "$role: crypto11 signs, $padding" program "$module" "$token" "$id" "$pin" "$padding" data signature
    say "counted: $(card_control counts)"
    options=()
    if [ "$padding" = pss ]; then options=("${pss[@]}"); fi
    verified "$role: openssl verifies the signature" sha256 "$role.pub" signature data "${options[@]}"
  done
done
for version in 1.2 1.3; do
  tls_server "$version"
  page=$(program "$module" "$auth_token" "$auth_id" "$auth_pin" "https://localhost:$port/" server.pem auth.pem) || fail "TLS $version"
  verified_by_server "Go's net/http" "$page"
done
[ "$(card_control tries auth) $(card_control tries sign)" = "3 5" ] || fail "a try was spent"
if program "$module" "$auth_token" "$auth_id" 0000 pkcs1 data signature 2>wrong.log; then fail "a wrong PIN signs"; fi
expect "a wrong PIN costs one try" "$(card_control tries auth)" '^2$'
expect "crypto11 reports CKR_PIN_INCORRECT" "$(cat wrong.log)" CKR_PIN_INCORRECT
