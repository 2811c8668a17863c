#!/bin/bash
# Cards of another kind in the reader, behind real pcscd: the one that answers 6A82 to SELECT, storage cards that answer 6300, 6F00
# or 6881 to everything, and one for which the reader reports success and no byte at all. Each gets at most two commands from one
# process, whatever is asked of the module and however often; nothing is said to be present; and it costs TLS nothing. One odd
# answer of the right card is only a fault on the line.
. "$(dirname "$0")/lib.sh"
. "$here/lib-processes.sh"
. "$here/lib-coming.sh"
. "$here/lib-neighbour.sh"
need pkcs11-tool openssl tstclnt certutil modutil

# vpcd cannot carry an answer of no bytes: the reader is reached through a driver that can (empty_answer_reader.cpp).
empty_answer_reader=${JPKI_EMPTY_ANSWER_READER:-$build/tests/e2e/jpki-empty-answer-reader.so}
[ -e "$empty_answer_reader" ] || fail "no $empty_answer_reader: build first"
pcscd_stops
sed -i "s|^LIBPATH .*|LIBPATH $empty_answer_reader|" "$JPKI_RUN_DIR/reader.conf.d/vpcd"
pcscd_starts
until_true 20 reader_shows No || fail "pcscd does not start with the other driver"

start_card --control "$work/card.sock"
tls_without_client_certificate
commands() { told counts | sed -n 's/.*"commands":\([0-9]*\),.*/\1/p'; }
# at_most NUMBER WHAT: so many commands were counted at the card since the counters were set to 0.
at_most() {
  local count
  count=$(commands)
  [ "$count" -le "$1" ] || { tail -n 20 "$JPKI_RUN_DIR/commands.log" >&2; fail "$2: $count commands at the card, at most $1 are expected"; }
  say "ok: $2: $count commands at the card"
}
put_in() { # KIND
  told swap "$1" >/dev/null
  until_true 20 reader_shows Yes || fail "the card is not there"
  told reset-counts >/dev/null
}
# The answer arrives at a program as it is meant: otherwise this test would try something else.
put_in storage
process other
tell other ok pcsc connect shared
tell other "ok with 0 bytes" pcsc send 00A4040C0AD392F000260100000001
tell other ok pcsc disconnect leave
say "ok: the reader hands on an answer without a byte"

every_call() { # PROCESS: none of them finds a token
  local slot
  for slot in 0 1; do
    tell "$1" "CKR_TOKEN_NOT_*" token $slot
    tell "$1" "CKR_TOKEN_NOT_*" open s $slot
    tell "$1" "CKR_TOKEN_NOT_*" mechanisms $slot
  done
  tell "$1" "CKR_OK $card_out $second_out" slots
}
for kind in foreign storage storage-6300 storage-6f00 storage-6881; do
  looks=2
  [ "$kind" != foreign ] || looks=1
  put_in "$kind"
  process a
  tell a CKR_OK initialize
  tell a "CKR_OK $card_out $second_out" slots
  at_most $looks "$kind: asked for the slots first"
  for _ in 1 2 3 4 5; do every_call a; done
  at_most $looks "$kind: 35 calls more"
  began=$(date +%s%N)
  every_call a
  took=$((($(date +%s%N) - began) / 1000000))
  [ "$took" -le 1500 ] || fail "$kind: seven calls take $took ms"
  tell a CKR_NO_EVENT event # nothing came and nothing went
  process_ends a 0

  for order in "token 0" "open s 1" "mechanisms 0"; do
    put_in "$kind"
    process a
    tell a CKR_OK initialize
    tell a "CKR_TOKEN_NOT_*" "$order"
    within 1000 "$kind: the first look ($order)"
    every_call a
    at_most $looks "$kind: asked for $order first"
    process_ends a 0
  done

  told reset-counts >/dev/null
  handshake "$kind"
  at_most $looks "$kind: a TLS handshake"
done

# A new insertion is looked at anew, in a process that stays.
put_in storage-6300
process a
tell a CKR_OK initialize
every_call a
put_in adult
until_true 10 usable a || fail "the right card after a storage card: $answer"
tell a "CKR_OK $card_in $second_out" slots
tell a CKR_OK close s
say "ok: the right card after a storage card, in a process that stays"

# A single odd answer of the right card: to SELECT, and while a session is used.
for fault in sw_6f00 empty unknown_status; do
  put_in adult
  until_true 20 reader_shows Yes || fail "pcscd does not see the card"
  told fault $fault >/dev/null
  tell a "CKR_*" token 0
  until_true 10 usable a || fail "$fault at the first SELECT makes the right card vanish: $answer"
  told fault $fault >/dev/null
  tell a "*" login s $auth_pin # whatever it says to an answer that is none
  tell a "*" token 0
  tell a "CKR_OK $card_in $second_out" slots
  tell a CKR_OK close s
  opened_again() { ask a open s 0; hear a; [ "$answer" = CKR_OK ]; }
  until_true 10 opened_again || fail "$fault makes the right card vanish: $answer"
  tell a CKR_OK login s $auth_pin
  tell a CKR_OK key s
  tell a "*CKR_OK 1 good 0 logins" sign s 1
  tell a CKR_OK close s
  expect "$fault: no try was spent" "$(told status)" "auth-tries=3 sign-tries=5"
done
process_ends a 0
