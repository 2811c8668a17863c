# Common ground of the tests of jpki-tool; sourced after lib.sh.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # set here or in lib.sh, used in the other
tool=${JPKI_TOOL:-$build/tools/jpki-tool/jpki-tool}
[ -x "$tool" ] || fail "no jpki-tool at $tool: build first"

# A locale in which messages are Japanese, made for this run: the machine may have none.
japanese() {
  if [ ! -d "$work/locales/ja_JP.UTF-8" ]; then
    mkdir -p "$work/locales"
    localedef -i ja_JP -f UTF-8 "$work/locales/ja_JP.UTF-8" 2>/dev/null || fail "localedef makes no Japanese locale (Debian: locales)"
  fi
  LC_ALL=ja_JP.UTF-8 LOCPATH=$work/locales "$@"
}

# exits STATUS DESCRIPTION COMMAND...: the exit status must be this one. Output goes to $said (both streams together).
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
# with_pins LINES COMMAND...: the lines are the PINs, on descriptor 7; the command names it.
with_pins() {
  local lines=$1
  shift
  "$@" --pin-fd 7 7< <(printf "%b" "$lines")
}
# json FILTER: a Python expression over the document d that is read from standard input.
json() { python3 -c 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }
# commands: how many commands the card was sent since the last call.
control() { "$virtual_card" --ctl "$JPKI_RUN_DIR/control" "$@"; }
