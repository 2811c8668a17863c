#!/bin/bash
# While another program connects to the card and disconnects, again and again, a process that is logged in lists its slots and signs: no
# call takes the card for removed. (libpcsclite 2.5 mixes up the event of each such change with the list of readers.)
. "$(dirname "$0")/lib.sh"
. "$here/lib-processes.sh"

start_card --control "$work/card.sock"
process a
process other
tell a CKR_OK initialize
tell a CKR_OK open s 0
tell a CKR_OK login s "$auth_pin"
tell a CKR_OK key s
connected=0 changes=0 rounds=0
now() { date +%s%3N; }
start=$(now) last=0
# pcscd notices a change when it polls the reader, every 400 ms.
while [ "$changes" -lt 40 ] || [ $(($(now) - start)) -lt 18000 ]; do
  if [ $(($(now) - last)) -ge 410 ]; then
    if [ $connected = 0 ]; then tell other ok pcsc connect shared; else tell other ok pcsc disconnect leave; fi
    connected=$((1 - connected)) changes=$((changes + 1)) last=$(now)
  fi
  tell a "CKR_OK 0=card 1=card 2=empty 3=empty" slots
  tell a "*CKR_OK 1 good 0 logins" sign s 1
  rounds=$((rounds + 1))
done
say "ok: $rounds times the slots and a signature during $changes changes"
expect "no signature was lost" "$(told counts)" "\"signatures\":\{\"authentication\":$rounds,"
expect "one login" "$(told counts)" '"verify":\{"authentication":1,'
process_ends other 0
process_ends a 0
