#!/bin/bash
# A thousand times C_Initialize, C_GetSlotList and C_Finalize behind real pcscd, and some dlclose in between: neither the memory of
# the process nor its open files grow.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-processes.sh"

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
say "ok: nothing grows"
process_ends c 0
