#!/bin/bash
# The module under valgrind, with real pcscd: list, find, read, log in, sign with both keys, log out, finalise, and all again
# after dlclose. No invalid access, no use of uninitialised memory, no leak.
. "$(dirname "$0")/lib.sh"
. "$here/lib-processes.sh"
need valgrind pkcs11-tool openssl

start_card --control "$work/card.sock"
certificates
# Without this shell's descriptors: valgrind 3.24 counts inherited ones as open at the end.
closed='for fd in /proc/self/fd/*; do fd=${fd##*/}; if [ "$fd" -gt 2 ]; then eval "exec $fd>&-"; fi; done; exec "$@"'
process a bash -c "$closed" bash valgrind --error-exitcode=99 --leak-check=full --show-leak-kinds=all --errors-for-leak-kinds=definite,possible \
  --track-fds=yes --log-file="$JPKI_RUN_DIR/valgrind.log"
flow() {
  tell a CKR_OK initialize
  tell a "CKR_OK 0=card 1=card 2=empty 3=empty" slots
  local slot
  for slot in 0 1; do
    local pin=$auth_pin certificate=auth.pem
    if [ $slot = 1 ]; then pin=$sign_pin certificate=sign.pem; fi
    tell a "CKR_OK ????????????????*" token $slot
    tell a CKR_OK open s $slot
    tell a "CKR_OK [1-9]" find s
    tell a CKR_OK login s $pin
    tell a "CKR_OK [A-Z0-9]*" holder s
    tell a CKR_OK key s
    tell a "CKR_OK 2 good 0 logins" sign s 2 $certificate
    tell a CKR_OK logout s
  done
  tell a CKR_NO_EVENT event
  tell a CKR_OK finalize
}
flow
tell a CKR_OK reload
flow
say "ok: initialise, list, find, read, log in, sign with both keys, log out, finalise, twice"
process_ends a 0
report=$(cat "$JPKI_RUN_DIR/valgrind.log")
expect "valgrind: no error" "$report" "ERROR SUMMARY: 0 errors"
refuse "valgrind: no memory is lost" "$report" "(definitely|indirectly|possibly) lost: [1-9]"
# The dynamic linker owns a thread's copy of a thread_local variable and frees it with the thread.
# libpcsclite 2.5 keeps one list of readers for the process; a second use of the module adds no second one.
report=$(awk -v RS= -v ORS='\n\n' '!/tls_get_addr_tail|__tls_get_addr/ &&
  !/ in 1 blocks are still reachable[^\n]*\n[^\n]*realloc[^\n]*\n[^\n]*libpcsclite_real/' <(sed 's/^==[0-9]*== *$//' <<<"$report"))
refuse "valgrind: the module and its libraries keep no memory" "$report" "jpki::|libcrypto|libpcsclite|C_[A-Z]"
