#!/bin/bash
# jpki-tool status, cert, pin verify, survey and doctor: a card that is removed during the command is reported as removed and costs no try.
# (jpki-tool-sign.sh, jpki-tool-pin.sh: sign and pin change.)
. "$(dirname "$0")/lib.sh"
. "$here/lib-tool.sh"
need python3

start_card --control "$JPKI_RUN_DIR/control"
# removed DESCRIPTION POSITIONS PINS COMMAND...: the card is removed at each of these commands.
removed() {
  local description=$1 positions=$2 pins=$3 at status
  shift 3
  for at in $positions; do
    control fault card_gone "$at" >/dev/null
    status=0
    if [ -n "$pins" ]; then
      with_pins "$pins" "$@" >said.txt 2>&1 </dev/null || status=$?
    else
      "$@" >said.txt 2>&1 </dev/null || status=$?
    fi
    # pcscd may report a removal late: then it is a transmission error (1).
    [ "$status" = 5 ] || [ "$status" = 1 ] || fail "$description, removed at command $at: exit status $status: $(cat said.txt)"
    check "$description, removed at command $at: a sentence (exit status $status)" grep -qiE "removed|no card|fault" said.txt
    control fault none >/dev/null
    insert_card
  done
}
removed "status" "0 3 6" "" "$tool" status
removed "status --signature" "4 8" "ABC123\n" "$tool" status --signature
removed "cert auth" "0 3" "" "$tool" cert auth --pem
removed "cert sign" "2 5" "ABC123\n" "$tool" cert sign --pem
removed "survey" "0 5 20" "" "$tool" survey --yes
removed "survey --with-pin" "45" "1234\nABC123\n" "$tool" survey --yes --with-pin
removed "pin verify" "0 2" "1234\n" "$tool" pin verify auth
expect "no try was lost" "$(control status)" "auth-tries=3"
stop_card
