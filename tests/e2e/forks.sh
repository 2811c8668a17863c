#!/bin/bash
# Real processes that fork after C_Initialize, end without C_Finalize, or are killed while the card processes their
# command. A child is not initialised and may initialise again; however it ends, its parent continues to sign. All with
# real pcscd.
. "$(dirname "$0")/lib.sh"
. "$here/lib-processes.sh"
need pkcs11-tool openssl

start_card --control "$work/card.sock" --latency --latency-bitrate 1000000 --latency-command-ms 1 --latency-signature-ms 5
certificates
four="0=card 1=card 2=empty 3=empty"
process a
tell a CKR_OK initialize
tell a "CKR_OK $four" slots
tell a CKR_OK open s 0
tell a CKR_OK login s $auth_pin
tell a CKR_OK key s

# The child's result of each command; the parent's sessions are not the child's.
not=CKR_CRYPTOKI_NOT_INITIALIZED
tell a "$not in * ms, $not in * ms, $not 0 good*, $not in * ms, $not in * ms (exit 0)" \
  child exit: slots\;state s\;sign s 1\;event\;finalize
say "ok: a child is not initialised"
tell a "CKR_OK in * ms, CKR_OK $four in * ms, CKR_OK in * ms, CKR_OK public in * ms, CKR_OK [1-9]* in * ms, CKR_OK in * ms, $not in * ms (exit 0)" \
  child exit: initialize\;slots\;open mine 0\;state mine\;find mine\;finalize\;slots
say "ok: a child may initialise, use the card, and finalise"
tell a "CKR_OK 5 good 0 logins" sign s 5 auth.pem
tell a "CKR_OK user" state s

# The parent signs in one thread while another thread forks repeatedly, and the children end in different ways.
ask a "& sign s 0 auth.pem"
uses="initialize;slots;open mine 0;find mine"
for child in "exit: slots" "_exit: initialize" "exit: $uses;finalize" "_exit: $uses" "crash: $uses" "kill: $uses"; do
  tell a "*(*)" child "$child"
  [[ $answer != *"signal 14"* ]] || fail "a child hangs: $child"
  [[ $child != *initialize* || $answer == "CKR_OK in "* ]] || fail "a child cannot initialise: $child: $answer"
done
[ ! -s a.late ] || fail "the parent stopped signing: $(cat a.late)"
tell a ok stop
late a "^sign s 0 auth.pem: CKR_OK [1-9][0-9]* good 0 logins"  # how many depends on the machine's load
say "ok: the parent's signatures all verify while children initialise, finalise, exit, crash and are killed"
expect "the parent logged in once" "$(told counts | tr -d ' "')" "verify:.*authentication:1,"

# SIGKILL during a transaction: the next transaction does not wait for the dead process.
process b
tell b CKR_OK initialize
tell b "CKR_OK $four" slots
tell b CKR_OK open s 0
tell b CKR_OK login s $auth_pin
tell b CKR_OK key s
ask b sign s 1000
for _ in 1 2 3; do
  sleep 0.1
  tell a "CKR_OK 1 good 0 logins" sign s 1 auth.pem
done
process_is_killed b
# pcscd resets the card if a client ends in a transaction; it depends on the card whether that ends the login.
tell a "CKR_OK 5 good * logins" resign s 5 $auth_pin auth.pem
within 3000 "signing after another process was killed"
say "ok: a process that is killed while it signs does not disturb another one"

# C_Finalize from an exit handler, in a process whose children inherit the handler.
tell a CKR_OK finalize-at-exit
tell a "at exit: CKR_CRYPTOKI_NOT_INITIALIZED" child exit: slots
hear a
ask a quit
hear a
[ "$answer" = "at exit: CKR_OK" ] || fail "C_Finalize from an exit handler: $answer"
expect "C_Finalize from an exit handler resets the security status" "$(told status)" "auth-verified=no"
