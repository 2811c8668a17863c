#!/bin/bash
# --help, the man page and the completion name the same commands, options and exit statuses.
set -euo pipefail
export LC_ALL=C
source=${JPKI_SOURCE:?} tool=${JPKI_TOOL:?}
man=$source/conf/man/jpki-tool.1 completion=$source/conf/completion/jpki-tool
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

options_of_help() { grep -oE '^ +(-[a-z], *)?--[a-z-]+' | sed -E 's/^ *(-[a-z], *)?//' | sort -u; }
listed() { "$tool" "$@" --help | awk '/^Commands:/ { on = 1; next } /^[^ ]/ { on = 0 } on && /^  [a-z]/ { print $1 }'; }

all=$("$tool" --help | options_of_help)
commands=()
for command in $(listed); do
  subcommands=$(listed "$command")
  if [ -z "$subcommands" ]; then commands+=("$command"); fi
  for subcommand in $subcommands; do commands+=("$command $subcommand"); done
done
[ "${#commands[@]}" -ge 6 ] || fail "--help lists too few commands: ${commands[*]}"
page=$(sed 's/\\-/-/g' "$man")
for command in "${commands[@]}"; do
  grep -Eq "^\.BR?I? \"?$command" <<<"$page" || fail "the man page has no command $command"
  # shellcheck disable=SC2086 # two words
  all+=$'\n'$("$tool" $command --help | options_of_help)
done
all=$(sort -u <<<"$all")
for option in $all; do
  grep -Eq -- "$option( |\"|,|$)" <<<"$page" || fail "the man page does not know $option"
done
for option in $(grep -oE -- '--[a-z][a-z-]+' <<<"$page" | sort -u); do
  grep -qxF -- "$option" <<<"$all" || fail "the man page has $option, which no --help lists"
done

# Exit statuses: number and meaning as in the source; every name is in the JSON section.
while IFS=$'\t' read -r number name meaning; do
  grep -qxF "$number"$'\t'"$meaning" "$man" || fail "the man page does not say: $number $meaning"
  grep -Eq "(^|[ ,])$name[,.]?( |,|\.|$)" <<<"$page" || fail "the man page does not name the exit status $name"
done < <(python3 - "$source/tools/jpki-tool" <<'P'
import re, sys
header = open(sys.argv[1] + "/exit_status.hpp", encoding="utf-8").read()
numbers = dict(re.findall(r"^    (\w+) = (\d+),", header, re.M))
source = open(sys.argv[1] + "/exit_status.cpp", encoding="utf-8").read()
rows = re.findall(r'ExitStatus\{Exit::(\w+), "([^"]+)", N_\("([^"]+)"\)\}', source)
assert len(rows) == len(numbers), "a status without a row"
for value, name, meaning in rows:
    print(numbers[value], name, meaning, sep="\t")
P
)

# The completion: the commands of --help, and for each the options of its own --help.
complete() { # WORD...
  bash -c 'tool=$1 completion=$2; shift 2; . "$completion"
    COMP_WORDS=("$tool" "$@") COMP_CWORD=$#; _jpki_tool; printf "%s\n" "${COMPREPLY[@]}"' - "$tool" "$completion" "$@" | sort -u
}
[ "$(complete "")" = "$(listed | sort)" ] || fail "completion of commands: $(complete "" | tr '\n' ' ')"
[ "$(complete pin "")" = "$(listed pin | sort)" ] || fail "completion of pin: $(complete pin "" | tr '\n' ' ')"
[ "$(complete register "")" = "$(listed register | sort)" ] || fail "completion of register: $(complete register "" | tr '\n' ' ')"
[ "$(complete pin change "")" = "auth
sign" ] || fail "completion of pin change"
for command in "${commands[@]}"; do
  # shellcheck disable=SC2086
  missing=$(comm -13 <(complete $command --) <("$tool" $command --help | options_of_help))
  [ -z "$missing" ] || fail "completion of $command lacks $missing"
done

# The page is one that man can show.
if command -v man >/dev/null; then
  complaints=$(man --warnings -l -E UTF-8 -Tutf8 "$man" 2>&1 >/dev/null | grep -v 'cannot adjust\|can.t break' || true)
  [ -z "$complaints" ] || fail "man complains: $complaints"
fi
echo "ok: ${#commands[@]} commands, $(wc -l <<<"$all") options"
