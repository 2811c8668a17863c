#!/bin/bash
# 1000 times C_Initialize, C_GetSlotList and C_Finalize with real pcscd, with some dlclose in between: neither the memory of
# the process nor its number of open files grows.
. "$(dirname "$0")/lib.sh"
. "$here/lib-processes.sh"

start_card
process c
tell c CKR_OK cycle 100
tell c "* kB * descriptors" resources
read -r memory _ descriptors _ <<<"$answer"
for ((i = 0; i < 9; i++)); do
  tell c CKR_OK reload
  tell c CKR_OK cycle 100
done
tell c "* kB * descriptors" resources
read -r memory_then _ descriptors_then _ <<<"$answer"
say "after 100: $memory kB, $descriptors descriptors; after 1000: $memory_then kB, $descriptors_then descriptors"
[ "$descriptors_then" = "$descriptors" ] || fail "open files grow"
[ $((memory_then - memory)) -le 512 ] || fail "memory grows"
say "ok: neither memory nor open files grow"
process_ends c 0
