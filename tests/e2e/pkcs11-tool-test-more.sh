#!/bin/bash
# OpenSC's tests of threads, fork and hotplug; the last with a card that is inserted and removed.
. "$(dirname "$0")/lib.sh"
need pkcs11-tool

start_card --control "$work/control"
card() { "$virtual_card" --ctl "$work/control" "$@"; }

# Four threads that initialise, list the slots and read both tokens in parallel. The output counts, not the exit status.
output=$(p11 --test-threads ILGISLT0T1 --test-threads ILSLT1T0GI --test-threads ILSLT0SLT1 --test-threads ILGISLT0 \
  --list-slots 2>&1) || fail "--test-threads (exit status $?): $output"
# pkcs11-tool 0.23 prints "rv = 0", 0.26 "rv:CKR_OK".
expect "--test-threads has run four threads" "$output" "Test thread 3 returning rv( = 0|:CKR_OK)"
refuse "--test-threads: no thread failed" "$output" "returning rv( = [^0]|:CKR_[^O])"
expect "--test-threads: a thread has seen the token" "$output" "token label *: $sign_token"

output=$(p11 --test-fork --token-label "$auth_token" --login --pin "$auth_pin" --test 2>&1) || fail "--test-fork: $output"
expect "--test-fork has initialised in the child" "$output" "C_Initialize in forked child process"
refuse "--test-fork: no error in the child" "$output" "C_Initialize in child"
expect "--test-fork leaves the parent working" "$output" "No errors"

# --test-hotplug asks a user to change the card and press return; here the virtual card's control socket and a pipe do.
remove_card
mkfifo keys
p11 --test-hotplug >hotplug.log 2>&1 <keys &
tool=$!
exec 3>keys
prompts=0
said() { [ "$(grep -o "$1" hotplug.log | wc -l)" -ge "$2" ]; }
answer() { # KEY: at the next prompt
  prompts=$((prompts + 1))
  until_true 20 said "Please press return" "$prompts" || { cat hotplug.log >&2; fail "--test-hotplug does not ask again"; }
  printf '%s\n' "$1" >&3
}
tokens=0
for change in "come Yes" "leave No" "come Yes" "leave No"; do
  card "${change% *}" >/dev/null
  until_true 20 reader_shows "${change#* }" || fail "reader after ${change% *}: not ${change#* }"
  answer ""
  if [ "${change% *}" = come ]; then
    tokens=$((tokens + 1))
    until_true 20 said "token label *: $auth_token" "$tokens" || { cat hotplug.log >&2; fail "an inserted card is not listed"; }
  fi
done
say "ok: --test-hotplug sees insertion and removal through C_GetSlotList"
answer x
# C_WaitForSlotEvent reports the earlier changes: one event for each slot.
answer ""
answer ""
events=2
until_true 20 said "event on slot" 2 || { cat hotplug.log >&2; fail "earlier changes are not reported"; }
for change in come leave come; do # it ends without an error only with a card present
  answer "" # now it waits in C_WaitForSlotEvent
  until_true 20 said "Calling C_WaitForSlotEvent" $((events + 1)) || fail "--test-hotplug does not wait"
  card "$change" >/dev/null
  until_true 20 said "event on slot" $((events + 1)) || { cat hotplug.log >&2; fail "no event after $change"; }
  answer "" # the other slot of the same reader: its event is already pending
  events=$((events + 2))
  until_true 20 said "event on slot" "$events" || { cat hotplug.log >&2; fail "no event on the second slot"; }
done
answer x
exec 3>&-
wait "$tool" || { cat hotplug.log >&2; fail "--test-hotplug: exit status $?"; }
expect "each change is reported for the first slot" "$(cat hotplug.log)" "event on slot 0x0"
expect "each change is reported for the second slot" "$(cat hotplug.log)" "event on slot 0x1"
refuse "--test-hotplug: nothing failed" "$(cat hotplug.log)" "failed|error"
