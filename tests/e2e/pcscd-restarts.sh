#!/bin/bash
# One process that stays initialised while pcscd does not run, starts, is stopped and restarted, and is killed during a signature:
# sessions opened before fail with the standard's code, the next session works, slot ids keep their meaning, C_WaitForSlotEvent
# reports the changes.
. "$(dirname "$0")/lib.sh"
. "$here/lib-processes.sh"
need pcscd
. "$here/lib-coming.sh"

# pcscd does not run when the process starts.
pcscd_stops
process a
tell a CKR_OK initialize
tell a CKR_OK slots
tell a CKR_NO_EVENT event
pcscd_starts
shows "$card_out $second_out"
start_card --control "$work/card.sock" --absence-ms 450 # pcscd polls every 400 ms
shows "$card_in $second_out"
events 0 1
tell a CKR_OK open s 0
ask a holder s
hear a
first=${answer#CKR_OK }
opened "$first"
say "ok: pcscd may start after C_Initialize"

pcscd_stops
tell a "CKR_SESSION_HANDLE_INVALID*" sign s 1
tell a "CKR_OK $card_out $second_out" slots
tell a CKR_TOKEN_NOT_PRESENT open s 0
events 0 1
pcscd_starts
shows "$card_in $second_out"
dead
opened "$first"
events 0 1
# Stopped and started between two calls.
pcscd_stops
pcscd_starts
until_true 20 reader_shows Yes || fail "the card is not there after the restart of pcscd"
dead
shows "$card_in $second_out"
opened "$first"
say "ok: pcscd stopped and restarted"
while [ "$answer" != CKR_NO_EVENT ]; do ask a event; hear a; done


told fault delay >/dev/null # the next command takes two seconds
ask a sign s 1
sleep 0.5
kill -KILL "$(tr -d '\0' </run/pcscd/pcscd.pid)"
hear a
[[ $answer == CKR_DEVICE_REMOVED* ]] || fail "a signature during which pcscd is killed: $answer"
dead
rm -f /run/pcscd/pcscd.comm
pcscd_starts
shows "$card_in $second_out"
opened "$first"
say "ok: pcscd killed during a signature"

# The kill and the restart are reported first.
ask a event; hear a
while [ "$answer" != CKR_NO_EVENT ]; do ask a event; hear a; done
ask a "& wait"
ask a "& wait"
pcscd_stops
late a "^wait: CKR_OK slot 0 in"
late a "^wait: CKR_OK slot 1 in"
say "ok: a blocking wait reports the end of pcscd"
process_ends a 0
