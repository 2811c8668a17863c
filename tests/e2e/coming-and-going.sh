#!/bin/bash
# One process that stays initialised while cards come, go and are exchanged, and another program resets the card:
# what was opened before is dead with the standard's code, nothing of an earlier card is served, nobody is logged in, the next
# session works, slot ids keep their meaning, and C_WaitForSlotEvent reports each change once a slot. All behind real pcscd.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-processes.sh"

. "$(dirname "$0")/lib-coming.sh"

start_card --control "$work/card.sock" --absence-ms 450 # pcscd looks every 400 ms
process a
tell a CKR_OK initialize
tell a CKR_NO_EVENT event # the card was there before
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

# Out and in between two calls: the process never sees the slot empty.
told swap adult 2 >/dev/null
until_true 20 reader_shows Yes || fail "pcscd does not see the card"
dead
events 0 1
tell a CKR_OK open s 0
ask a holder s
hear a
second=${answer#CKR_OK }
[ "$second" != "$first" ] || fail "the second person's card shows the first person's certificate"
opened "$second"
say "ok: another person's card between two calls"

# A reset by another program: same card, the session lives; on this card the login does too (apdu/README.md), and a signature is right.
process other
tell other ok pcsc connect shared
tell other ok pcsc disconnect reset
tell a "*CKR_OK 1 good 0 logins" sign s 1
# One that takes the card's power ends the login.
tell other ok pcsc connect shared
tell other ok pcsc disconnect unpower
tell a "CKR_USER_NOT_LOGGED_IN 0 good*" sign s 1
tell a "CKR_OK public" state s
events
opened "$second"
say "ok: another program's reset and power cut"

# Two readers, two cards: what happens to one is nothing to the other.
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

# A process that never touches its dead sessions again keeps no connection of theirs.
descriptors() { ask a resources; hear a; read -r _ _ answer _ <<<"$answer"; }
descriptors
before=$answer
for _ in 1 2 3; do
  told swap adult 2 >/dev/null
  until_true 20 reader_shows Yes || fail "pcscd does not see the card"
  tell a CKR_OK open s 0
done
descriptors
[ "$answer" = "$before" ] || fail "$before open files before the card was exchanged three times, $answer after"
say "ok: no open file is left of a card that was taken out"
opened "$second"
events 0 1

# In the middle of a call: the command is at the card when it is pulled out. The code is the standard's, at once or at the next
# call, and nothing hangs.
removed_during() { # COMMAND: what the session is asked
  tell a "*" logout s
  tell a CKR_OK open s 0
  if [[ $1 != login* ]]; then
    tell a CKR_OK login s $auth_pin
    tell a CKR_OK key s
  fi
  told fault card_gone >/dev/null
  tell a "CKR_DEVICE_REMOVED*" "$1"
  within 3000 "$1 without its card"
  dead
  told come >/dev/null
  shows "$card_in $second_in"
  tell a CKR_OK open s 0
}
for call in "sign s 1" "login s $auth_pin" "holder s"; do removed_during "$call"; done
opened "$second"
say "ok: a card that is pulled during C_Sign, C_Login and a search"
for slot in 0 1; do tell a "CKR_OK slot $slot" event; done # however many came between: a slot is reported once
tell a CKR_NO_EVENT event

# Blocking: a wait for each change, in a thread, while the same process goes on signing.
waits() { ask a "& wait"; ask a "& wait"; }
reported() { # SLOT...: since the last time
  local slot
  for slot in "$@"; do late a "^wait: CKR_OK slot $slot in"; done
  [ "$(wc -l <a.late)" = $# ] || { cat a.late >&2; fail "there are other events, or more of them, than of slots $*"; }
  : >a.late
}
waits
tell a "*CKR_OK 20 good 0 logins" sign s 20
[ ! -s a.late ] || fail "signing is no event: $(cat a.late)"
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
say "ok: blocking waits, one event a slot, ended by C_Finalize"
process_ends a 0
process_ends other 0
