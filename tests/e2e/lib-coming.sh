# Shared by the tests of removal, insertion and restarts of pcscd; sourced after lib-processes.sh. The process is called a.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034,SC2317 # lib-processes.sh's variables, what is set here for the tests, functions called by name
card_in="0=card 1=card" card_out="0=empty 1=empty" second_in="2=card 3=card" second_out="2=empty 3=empty"
pcscd_stops() {
  local process
  process=$(tr -d '\0' </run/pcscd/pcscd.pid)
  kill -TERM "$process"
  until_true 20 pcscd_has_ended "$process" || fail "pcscd does not stop"
}
# pcscd removes its socket, then its file with the process number, then it ends. One that is started before the end can lose that
# file, or find the reader's port in use.
pcscd_has_ended() { # PROCESS
  [ ! -e /run/pcscd/pcscd.comm ] && ! grep -qs '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status"
}
# shellcheck disable=SC2086 # several options
pcscd_starts() { pcscd $JPKI_PCSCD_OPTIONS --config "$JPKI_RUN_DIR/reader.conf.d" >>"$JPKI_RUN_DIR/pcscd.log" 2>&1 </dev/null & }
shows() { # SLOTS: the process sees this state, as soon as pcscd does
  until_true 20 slots_are "CKR_OK $1" || fail "slots are: $answer (expected: CKR_OK $1)"
}
slots_are() { ask a slots; hear a; [ "$answer" = "$1" ]; }
events() { # SLOT...: C_WaitForSlotEvent reports these, once each, and then no other
  local slot
  for slot in "$@"; do tell a "CKR_OK slot $slot" event; done
  tell a CKR_NO_EVENT event
}
dead() { # every call with the session fails as for a lost one
  local call
  for call in "state s" "sign s 1" "find s" "login s $auth_pin" "logout s" "close s"; do
    tell a "CKR_SESSION_HANDLE_INVALID*" "$call"
  done
}
opened() { # HOLDER: opens a session on this person's card, checks that no user is logged in, and signs
  tell a CKR_OK open s 0
  tell a "CKR_OK public" state s
  tell a "CKR_OK $1" holder s
  tell a CKR_OK login s "$auth_pin"
  tell a CKR_OK key s
  tell a "*CKR_OK 1 good 0 logins" sign s 1
}

