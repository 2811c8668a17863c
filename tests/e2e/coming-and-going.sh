#!/bin/bash
# One process that stays initialised while cards are removed, inserted and replaced, and another program resets the card:
# sessions opened before fail with the standard's code, nothing of an earlier card is returned, no user is logged in, the next
# session works, slot ids keep their meaning, and C_WaitForSlotEvent reports each change once per slot. All with real pcscd.
. "$(dirname "$0")/lib.sh"
. "$here/lib-processes.sh"

. "$here/lib-coming.sh"

start_card --control "$work/card.sock" --absence-ms 450 # pcscd polls every 400 ms
process a
process other
# Another program can open the card, and exclusively, although the process has an unused session of a removed one.
free_for_others() {
  tell other ok pcsc connect exclusive
  within 3000 "another program's connection"
  tell other ok pcsc disconnect leave
}
tell a CKR_OK initialize
tell a CKR_NO_EVENT event # the card was present at C_Initialize
shows "$card_in $second_out"
tell a CKR_OK open s 0
ask a holder s
hear a
first=${answer#CKR_OK }

told leave >/dev/null
shows "$card_out $second_out"
dead
tell a CKR_TOKEN_NOT_PRESENT open s 0
events 0 1
told come >/dev/null
shows "$card_in $second_out"
events 0 1
dead
opened "$first"
say "ok: removal and insertion"

# Removed and inserted between two calls: the process never sees the slot empty.
swap_card adult 2
dead
events 0 1
tell a CKR_OK open s 0
ask a holder s
hear a
second=${answer#CKR_OK }
[ "$second" != "$first" ] || fail "the second person's card shows the first person's certificate"
opened "$second"
say "ok: a replaced card between two calls"

# A reset by another program: same card, the session stays valid; with this card the login too (apdu/README.md), and signatures verify.
tell other ok pcsc connect shared
tell other ok pcsc disconnect reset
tell a "*CKR_OK 1 good 0 logins" sign s 1
# A reset that powers the card off ends the login.
tell other ok pcsc connect shared
tell other ok pcsc disconnect unpower
tell a "CKR_USER_NOT_LOGGED_IN 0 good*" sign s 1
tell a "CKR_OK public" state s
events
opened "$second"
say "ok: reset and power-off by another program"

# Two readers, two cards: a change in one does not affect the other.
"$virtual_card" --port $((JPKI_VPCD_PORT + 1)) --person 3 >second-card.log 2>&1 </dev/null &
second_card=$!
shows "$card_in $second_in"
events 2 3
tell a CKR_OK open t 2
tell a CKR_OK login t $auth_pin
tell a CKR_OK key t
told leave >/dev/null
shows "$card_out $second_in"
dead
tell a "*CKR_OK 3 good 0 logins" sign t 3
told come >/dev/null
shows "$card_in $second_in"
events 0 1
opened "$second"
say "ok: two readers with two cards"

# A process that does not use its invalid sessions again keeps no connection for them.
descriptors() { ask a resources; hear a; read -r _ _ answer _ <<<"$answer"; }
descriptors
before=$answer
for _ in 1 2 3; do
  swap_card adult 2
  tell a CKR_OK open s 0
done
descriptors
[ "$answer" = "$before" ] || fail "$before open files before the card was exchanged three times, $answer after"
say "ok: no open file stays of a removed card"
swap_card adult 2
shows "$card_in $second_in" # learns of it without its session
free_for_others
say "ok: the next card is free for other programs"
opened "$second"
events 0 1

# During a call: the card is removed while it processes a command. The code is the standard's, at once or at the next
# call, and no call hangs.
removed_during() { # COMMAND: the call with the session
  tell a "*" logout s
  tell a CKR_OK open s 0
  if [[ $1 != login* ]]; then
    tell a CKR_OK login s $auth_pin
    tell a CKR_OK key s
  fi
  told fault card_gone >/dev/null
  tell a "CKR_DEVICE_REMOVED*" "$1"
  within 3000 "$1 after removal"
  insert_card
  free_for_others
  dead
  shows "$card_in $second_in"
  tell a CKR_OK open s 0
}
for call in "sign s 1" "login s $auth_pin" "holder s"; do removed_during "$call"; done
opened "$second"
say "ok: removal during C_Sign, C_Login and a search"
for slot in 0 1; do tell a "CKR_OK slot $slot" event; done # however many changes there were: a slot is reported once
tell a CKR_NO_EVENT event

# Blocking: a wait for each change, in a thread, while the same process signs.
waits() { ask a "& wait"; ask a "& wait"; }
reported() { # SLOT...: since the last call
  local slot
  for slot in "$@"; do late a "^wait: CKR_OK slot $slot in"; done
  [ "$(wc -l <a.late)" = $# ] || { cat a.late >&2; fail "events other than those of slots $*"; }
  : >a.late
}
waits
tell a "*CKR_OK 20 good 0 logins" sign s 20
[ ! -s a.late ] || fail "signing caused an event: $(cat a.late)"
told leave >/dev/null
reported 0 1
waits
told come >/dev/null
reported 0 1
waits
kill -TERM $second_card
reported 2 3
ask a "& wait"
sleep 0.3
tell a CKR_OK finalize
within 1000 "C_Finalize with a thread in C_WaitForSlotEvent"
late a "^wait: CKR_CRYPTOKI_NOT_INITIALIZED in"
say "ok: blocking waits report one event per slot, and C_Finalize ends them"
process_ends a 0
process_ends other 0
