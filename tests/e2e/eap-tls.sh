#!/bin/bash
# EAP-TLS for WLAN and wired networks (802.1X): eapol_test is wpa_supplicant's EAP client without a network device; hostapd is the
# RADIUS server, whose log shows which certificate it verified. TLS 1.2 and 1.3; a wrong PIN; another citizen's card, issued by the
# same CAs, is rejected by its subject. Both run in a network namespace that has only its loopback device.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
skip() { say "SKIPPED: $*"; exit 77; }
need hostapd openssl pkcs11-tool unshare nsenter ip
# some distributions' packages do not have eapol_test
command -v eapol_test >/dev/null || skip "eapol_test is not installed (Debian: eapoltest)"
engine_configuration # skips where OpenSSL has no engines: wpa_supplicant knows no providers
engine=$(sed -n 's/^dynamic_path = //p' engine.cnf)
# Debian's wpa_supplicant loads modules only from below /usr/lib.
installed

start_card --control "$work/control" --pki "$work/pki"
person 2
person 1
cat 1/auth-ca.pem 2/auth-ca.pem >jpki-cas.pem
server_certificate

# ---- hostapd as a RADIUS server only ----
cat >hostapd.conf <<CONF
driver=none
eap_server=1
eap_user_file=$work/eap_user
ca_cert=$work/jpki-cas.pem
server_cert=$work/server.pem
private_key=$work/server.key
check_cert_subject=C=JP/CN=$(holder 1/auth.pem)
tls_flags=[ENABLE-TLSv1.3]
radius_server_clients=$work/radius_clients
radius_server_auth_port=1812
CONF
printf '"alice" TLS\n' >eap_user
printf '127.0.0.1 radius-secret\n' >radius_clients
unshare --net true 2>unshare.log || skip "no network namespace can be made here: $(cat unshare.log)"
unshare --net sh -c 'ip link set lo up && exec stdbuf -oL hostapd -dd hostapd.conf' >hostapd.log 2>&1 </dev/null &
hostapd=$!
background+=("$hostapd")
wait_for "hostapd did not start" hostapd.log "AP-ENABLED"

# After a wrong PIN wpa_supplicant asks for another one, which this test does not send.
ended_or_asking() { has_line client.log "CTRL-REQ-PIN" || ! kill -0 "$client" 2>/dev/null; }
# authenticated VERSION PIN: a user's wpa_supplicant with this configuration; true when eapol_test was authenticated
authenticated() {
  local disable_1_3=1
  if [ "$1" = 1.3 ]; then disable_1_3=0; fi
  cat >wpa_supplicant.conf <<CONF
pkcs11_engine_path=$engine
pkcs11_module_path=/usr/lib/$(basename "$(dirname "$(dirname "$engine")")")/jpki-pkcs11-auth.so
network={
  key_mgmt=IEEE8021X
  eap=TLS
  identity="alice"
  ca_cert="$work/server.pem"
  domain_match="localhost"
  engine=1
  engine_id="pkcs11"
  key_id="$auth_uri;id=%$auth_id"
  cert_id="$auth_uri;id=%$auth_id"
  pin="$2"
  phase1="tls_disable_tlsv1_3=$disable_1_3"
}
CONF
  before=$(wc -l <hostapd.log)
  : >client.log # the last one's may be read before the next one is started
  nsenter --net="/proc/$hostapd/ns/net" stdbuf -oL eapol_test -c wpa_supplicant.conf -a 127.0.0.1 -s radius-secret -t 60 \
    >client.log 2>&1 </dev/null &
  client=$!
  until_true 100 ended_or_asking || fail "eapol_test does not end"
  kill -TERM "$client" 2>/dev/null || true
  wait "$client" || true
  tail -n "+$((before + 1))" hostapd.log >judgement.log
  [ "$(tail -n 1 client.log)" = SUCCESS ]
}
shown() { tail -n 40 client.log judgement.log >&2; fail "$1"; }

for version in 1.2 1.3; do
  card_control reset-counts >/dev/null
  authenticated "$version" "$auth_pin" || shown "TLS $version"
  log=$(cat judgement.log)
  expect "TLS $version: hostapd verified the card's certificate" "$log" \
    "peer certificate: depth=0 .*subject=/C=JP/CN=$(holder 1/auth.pem)\$"
  expect "TLS $version: hostapd used this version" "$log" "Using TLS version TLSv$version"
  expect "TLS $version: hostapd accepts alice" "$log" "EAP-TLS: CONTINUE -> SUCCESS"
  say "counted: TLS $version: $(card_control counts)"
done
[ "$(card_control tries auth) $(card_control tries sign)" = "3 5" ] || fail "a try was spent"
say "ok: no try was spent"

if authenticated 1.3 0000; then fail "hostapd accepts alice with a wrong PIN"; fi
expect "a wrong PIN: wpa_supplicant asks for another one" "$(cat client.log)" "CTRL-REQ-PIN"
refuse "a wrong PIN: hostapd accepts no one" "$(cat judgement.log)" "CONTINUE -> SUCCESS"
expect "a wrong PIN costs one try" "$(card_control tries auth)" '^2$'
authenticated 1.3 "$auth_pin" || shown "the right one again"
expect "the right PIN resets the retry counter" "$(card_control tries auth)" '^3$'

# ---- another citizen, or the same one's renewed card: check_cert_subject decides ----
person 2
for version in 1.2 1.3; do
  if authenticated "$version" "$auth_pin"; then fail "TLS $version: hostapd accepts another citizen's card as alice"; fi
  log=$(cat judgement.log)
  refuse "TLS $version: hostapd rejects another citizen's card" "$log" "CONTINUE -> SUCCESS"
  expect "TLS $version: hostapd logs the other subject" "$log" "subject.*$(holder 2/auth.pem)"
done
