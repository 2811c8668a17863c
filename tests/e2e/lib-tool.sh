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
