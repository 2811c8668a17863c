# Shared by the tests in which a program ends and must reset the card's security status: another process, without a PIN, asks for
# # signatures by raw APDUs.
# Sourced after lib-processes.sh, by tests that start a card with --control "$work/card.sock".
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of lib.sh and lib-processes.sh

# another_process_is_connected: a process with its own shared connection, so that pcscd does not power the card off.
another_process_is_connected() {
  process connected
  tell connected ok pcsc connect shared
  process outsider
}
# signature_without_pin KEY: $answer is the card's answer to a process that has no PIN: it selects the application (which ends no login)
# and asks for a signature. KEY: $auth_key_reference or $sign_key_reference
auth_key_reference=97 sign_key_reference=9A
signature_without_pin() {
  tell outsider ok pcsc connect shared
  tell outsider "ok 9000" pcsc send 00A4040C0AD392F000260100000001
  ask outsider pcsc send "802A00${1}05010203040500"
  hear outsider
  local said=$answer
  tell outsider ok pcsc disconnect leave
  answer=$said
}
# unlocked_card_is_noticed: proves that signature_without_pin detects an open login: a process verifies both PINs and ends
# without resetting the security status.
unlocked_card_is_noticed() {
  process careless
  tell careless ok pcsc connect shared
  tell careless "ok 9000" pcsc send 00A4040C0AD392F000260100000001
  tell careless "ok 9000" pcsc send 0020009804"$(printf %s "$auth_pin" | od -An -tx1 | tr -d ' \n')"
  tell careless "ok 9000" pcsc send 0020009B06"$(printf %s "$sign_pin" | od -An -tx1 | tr -d ' \n')"
  process_ends careless 0
  local key
  for key in $auth_key_reference $sign_key_reference; do
    signature_without_pin "$key"
    [ "$answer" = "ok 9000" ] || fail "after a VERIFY the card does not sign for another process ($answer): this test would prove nothing"
  done
  say "ok: with a login left open, the card signs for another process"
  told other-application >/dev/null
}
# card_is_locked_after PROGRAM ROLE: PROGRAM, which has ended, logged in and signed with this role's key, and left no login open.
card_is_locked_after() {
  local program=$1 role=$2 key which=authentication
  [ "$role" = auth ] || which=signature
  expect "$program: signs with the $which key" "$(told counts)" "\"signatures\":\{[^}]*\"$which\":[1-9]"
  for key in $auth_key_reference $sign_key_reference; do
    signature_without_pin "$key"
    [[ $answer == "ok 69"* ]] || fail "$program: after its end the card answers $answer to another process without a PIN (key $key)"
  done
  say "ok: $program: after its end the card rejects another process"
  expect "$program: no login stays open" "$(told status)" "auth-verified=no sign-verified=no"
  told reset-counts >/dev/null
}
