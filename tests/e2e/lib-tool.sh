# Shared by the tests of jpki-tool; sourced after lib.sh.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # set here or in lib.sh, used in the other
tool=${JPKI_TOOL:-$build/tools/jpki-tool/jpki-tool}
[ -x "$tool" ] || fail "no jpki-tool at $tool: build first"

# A locale with Japanese messages, generated for this run: the machine may have none.
japanese() {
  if [ ! -d "$work/locales/ja_JP.UTF-8" ]; then
    mkdir -p "$work/locales"
    localedef -i ja_JP -f UTF-8 "$work/locales/ja_JP.UTF-8" 2>/dev/null || fail "localedef cannot generate a Japanese locale (Debian: locales)"
  fi
  LC_ALL=ja_JP.UTF-8 LOCPATH=$work/locales "$@"
}

# exits STATUS DESCRIPTION COMMAND...: the exit status must be STATUS. The output is in $said (both streams together).
said=
exits() {
  local wanted=$1 description=$2 status=0
  shift 2
  said=$("$@" 2>&1 </dev/null) || status=$?
  if [ "$status" != "$wanted" ]; then
    printf '%s\n' "$said" >&2
    fail "$description (exit status $status, wanted $wanted: $*)"
  fi
  say "ok: $description (exit status $wanted)"
}
# with_pins LINES COMMAND...: the lines are the PINs, on descriptor 7; the command names the descriptor.
with_pins() {
  local lines=$1
  shift
  "$@" --pin-fd 7 7< <(printf "%b" "$lines")
}
# json FILTER: evaluates a Python expression on the document d from standard input.
json() { python3 -c 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }
# commands: the number of commands at the card since the last call.
control() { "$virtual_card" --ctl "$JPKI_RUN_DIR/control" "$@"; }
# hold_reader: another program, process $holder, opens the first reader exclusively until release_reader.
hold_reader() {
  local held
  cat >exclusive.py <<'P'
import ctypes, sys
lib = ctypes.CDLL("libpcsclite.so.1")
context, card, protocol = ctypes.c_long(), ctypes.c_long(), ctypes.c_ulong()
assert lib.SCardEstablishContext(2, None, None, ctypes.byref(context)) == 0
assert lib.SCardConnect(context, b"Virtual PCD 00 00", 1, 3, ctypes.byref(card), ctypes.byref(protocol)) == 0
print("held", flush=True)
sys.stdin.read()
lib.SCardDisconnect(card, 0)
P
  coproc python3 exclusive.py
  holder=$COPROC_PID
  read -r held <&"${COPROC[0]}"
  check "another program has the reader" test "$held" = held
}
release_reader() {
  exec {COPROC[1]}>&-
  wait "$holder" 2>/dev/null || true
}
