#!/bin/bash
# jpki-tool that is ended by SIGINT, SIGTERM or SIGHUP (a closed terminal) between VERIFY and its next command: no login stays open.
. "$(dirname "$0")/lib.sh"
. "$here/lib-tool.sh"

start_card --control "$JPKI_RUN_DIR/control"
# The number of the command after VERIFY, counted from 0 as the card's faults are.
exits 0 "the signature certificate" with_pins "ABC123\n" "$tool" cert sign --pem
after_verify=$(awk '$2 == ">" { if (/> 00 20 00 9B 06/) { print n + 1; exit } n++ }' "$JPKI_RUN_DIR/commands.log")
# VERIFY number $expected is answered; the card then takes two seconds for the command after it.
verified() { [ "$(grep -c '> 00 20 00 9B 06' "$JPKI_RUN_DIR/commands.log")" = "$expected" ]; }
expected=1
for signal in INT:130 TERM:143 HUP:129; do
  control fault delay "$after_verify" >/dev/null
  # A command in the background would ignore SIGINT.
  env --default-signal=INT,HUP "$tool" cert sign --pem --pin-fd 7 >ended.txt 2>&1 7< <(echo ABC123) </dev/null &
  expected=$((expected + 1))
  until_true 20 verified || fail "no VERIFY: $(cat ended.txt)"
  kill "-${signal%:*}" $!
  status=0
  wait $! || status=$?
  check "SIG${signal%:*} after VERIFY: exit status ${signal#*:}" test "$status" = "${signal#*:}"
  refuse "SIG${signal%:*} after VERIFY: nothing is written" "$(cat ended.txt)" "BEGIN CERTIFICATE"
  expect "SIG${signal%:*} after VERIFY: no login stays open" "$(control status)" "auth-verified=no sign-verified=no"
done
stop_card
