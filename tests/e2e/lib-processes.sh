# Several real processes that use the card on a test's commands, call by call; sourced after lib.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # variables of lib.sh, and variables for the tests
card_user=${JPKI_CARD_USER:-$build/tests/e2e/jpki-card-user}
[ -x "$card_user" ] || fail "no $card_user: build first"

declare -A process_input process_output process_id
# process NAME [COMMAND...]: starts a process that waits for commands of tell() (card_user.cpp); COMMAND runs it, for example
# valgrind.
process() {
  local name=$1 input output
  shift
  rm -f "$name.in" "$name.out"
  mkfifo "$name.in" "$name.out"
  exec {output}<>"$name.out"
  "$@" "$card_user" "$module" <"$name.in" >"$name.out" 2>"$name.late" &
  process_id[$name]=$!
  exec {input}>"$name.in"
  process_input[$name]=$input process_output[$name]=$output
}
# ask NAME COMMAND...: sends a command, and does not wait for the answer.
ask() { printf '%s\n' "${*:2}" >&"${process_input[$1]}"; }
# hear NAME: reads the next answer into $answer and $milliseconds
hear() {
  local line
  IFS= read -r -t 60 line <&"${process_output[$1]}" || fail "$1 does not answer"
  answer=${line% in * ms}
  milliseconds=${line##* in }
  milliseconds=${milliseconds% ms}
}
# tell NAME PATTERN COMMAND...: sends a command; the answer must match the pattern (of the shell's).
tell() {
  local name=$1 pattern=$2
  shift 2
  ask "$name" "$@"
  hear "$name"
  # shellcheck disable=SC2053 # a pattern
  [[ $answer == $pattern ]] || fail "$name: $* answered: $answer (expected: $pattern)"
}
# within MILLISECONDS WHAT: fails if the last answer took longer.
within() { [ "$milliseconds" -le "$1" ] || fail "$2 took $milliseconds ms, at most $1 are expected"; }
# late NAME PATTERN: waits at most 20 seconds for the answer to a command that was sent with "& ".
late() { wait_for_late "$1" "$2" || { cat "$1.late" >&2; fail "$1: nothing in its late answers matches: $2"; }; }
wait_for_late() { until_true 20 grep -Eq -e "$2" "$1.late"; }
# process_ends NAME STATUS: sends stop and waits for the end. (Closing its input would not end it: processes that were started
# later have it open too.)
process_ends() {
  local name=$1 input=${process_input[$1]} output=${process_output[$1]} status=0
  printf 'quit\n' >&"$input"
  exec {input}>&-
  wait "${process_id[$name]}" || status=$?
  exec {output}<&-
  unset "process_input[$name]" "process_output[$name]" "process_id[$name]"
  [ "$status" = "$2" ] || { cat "$name.late" >&2; fail "$name ended with status $status, expected $2"; }
}
# process_is_killed NAME: with SIGKILL, whatever it does.
process_is_killed() {
  local input=${process_input[$1]} output=${process_output[$1]}
  kill -KILL "${process_id[$1]}"
  wait "${process_id[$1]}" 2>/dev/null || true
  exec {input}>&- {output}<&-
  unset "process_input[$1]" "process_output[$1]" "process_id[$1]"
}
end_processes() {
  local process
  for process in "${process_id[@]}"; do kill -KILL "$process" 2>/dev/null || true; done
  [ -z "$card_pid" ] || kill -TERM "$card_pid" 2>/dev/null || true
}
trap end_processes EXIT
# told COMMAND...: the card's answer to a command of its control socket; start the card with --control "$work/card.sock"
told() { "$virtual_card" --ctl "$work/card.sock" "$@"; }
