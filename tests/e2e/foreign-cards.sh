#!/bin/bash
# Cards that are not JPKI cards, with real pcscd: one that answers 6A82 to SELECT, storage cards that answer 6300, 6F00
# or 6881 to every command, and one for which the reader reports success and returns no byte. Each gets at most two commands from one
# process, whatever and however often the module is called; no token is reported; and TLS takes no longer. One odd
# answer of the right card counts as a transmission fault.
. "$(dirname "$0")/lib.sh"
. "$here/lib-processes.sh"
. "$here/lib-coming.sh"
. "$here/lib-neighbour.sh"
need pkcs11-tool openssl tstclnt certutil modutil

# vpcd cannot transport an empty answer: the reader uses a driver that can (empty_answer_reader.cpp).
empty_answer_reader=${JPKI_EMPTY_ANSWER_READER:-$build/tests/e2e/jpki-empty-answer-reader.so}
[ -e "$empty_answer_reader" ] || fail "no $empty_answer_reader: build first"
pcscd_stops
sed -i "s|^LIBPATH .*|LIBPATH $empty_answer_reader|" "$JPKI_RUN_DIR/reader.conf.d/vpcd"
pcscd_starts
until_true 20 reader_shows No || fail "pcscd does not start with the driver for empty answers"

start_card --control "$work/card.sock"
tls_without_client_certificate
commands() { told counts | sed -n 's/.*"commands":\([0-9]*\),.*/\1/p'; }
# at_most NUMBER WHAT: at most NUMBER commands were counted at the card since the counters were reset.
at_most() {
  local count
  count=$(commands)
  [ "$count" -le "$1" ] || { tail -n 20 "$JPKI_RUN_DIR/commands.log" >&2; fail "$2: $count commands at the card, at most $1 are expected"; }
  say "ok: $2: $count commands at the card"
}
put_in() { # KIND
  swap_card "$1"
  told reset-counts >/dev/null
}
# Proves that a program receives an empty answer: otherwise this test would test something else.
put_in storage
process other
tell other ok pcsc connect shared
tell other "ok with 0 bytes" pcsc send 00A4040C0AD392F000260100000001
tell other ok pcsc disconnect leave
say "ok: the reader passes on an empty answer"

every_call() { # PROCESS: no call finds a token
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
  tell a CKR_NO_EVENT event # no insertion and no removal
  process_ends a 0

  for order in "token 0" "open s 1" "mechanisms 0"; do
    put_in "$kind"
    process a
    tell a CKR_OK initialize
    tell a "CKR_TOKEN_NOT_*" "$order"
    within 1000 "$kind: first call ($order)"
    every_call a
    at_most $looks "$kind: asked for $order first"
    process_ends a 0
  done

  told reset-counts >/dev/null
  handshake "$kind"
  at_most $looks "$kind: a TLS handshake"
done

# A new insertion is examined again, by a process that keeps running.
put_in storage-6300
process a
tell a CKR_OK initialize
every_call a
put_in adult
until_true 10 usable a || fail "the JPKI card after a storage card is not available: $answer"
tell a "CKR_OK $card_in $second_out" slots
tell a CKR_OK close s
say "ok: a JPKI card after a storage card, in the same process"

# A single odd answer of the right card: to SELECT, and while a session is used.
for fault in sw_6f00 empty unknown_status; do
  put_in adult
  told fault $fault >/dev/null
  tell a "CKR_*" token 0
  until_true 10 usable a || fail "after $fault at the first SELECT the card is not available: $answer"
  told fault $fault >/dev/null
  tell a "*" login s $auth_pin # any result: the answer was corrupted
  tell a "*" token 0
  tell a "CKR_OK $card_in $second_out" slots
  tell a CKR_OK close s
  opened_again() { ask a open s 0; hear a; [ "$answer" = CKR_OK ]; }
  until_true 10 opened_again || fail "after $fault the card is not available: $answer"
  tell a CKR_OK login s $auth_pin
  tell a CKR_OK key s
  tell a "*CKR_OK 1 good 0 logins" sign s 1
  tell a CKR_OK close s
  expect "$fault: no try was spent" "$(told status)" "auth-tries=3 sign-tries=5"
done
process_ends a 0
