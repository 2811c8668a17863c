# What the processes of tests/soak do, what happens to their card, and the account at the end; sourced by it.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034,SC2317 # variables of the scripts before, functions called by name
second_card=

# What the standard provides for a card that is gone, was reset, lost its login, or is used by others for too long.
declare -A excused=([CKR_SESSION_HANDLE_INVALID]=1 [CKR_TOKEN_NOT_PRESENT]=1 [CKR_DEVICE_REMOVED]=1 [CKR_USER_NOT_LOGGED_IN]=1
  [CKR_KEY_HANDLE_INVALID]=1 [CKR_DEVICE_ERROR]=1 [CKR_FUNCTION_FAILED]=1 [CKR_OBJECT_HANDLE_INVALID]=1
  # The card's control selects another application in the middle of a transaction, which no program can: a VERIFY finds no PIN.
  [CKR_USER_PIN_NOT_INITIALIZED]=1
  # A card that is pulled while a process sees it for the first time gives no answer, twice; pcscd reports the removal 0.4 s later.
  [CKR_TOKEN_NOT_RECOGNIZED]=1)
declare -A counted=([good]=0 [tried]=0 [logins]=0 [wrong]=0 [perhaps_wrong]=0 [rounds]=0)

# can NAME COMMAND...: true: CKR_OK; false: excused, counted under its name. Anything else ends the actor.
can() {
  local code
  ask "$@"
  hear "$1"
  code=${answer%% *}
  [ "$code" != CKR_OK ] || return 0
  [ -n "${excused[$code]-}" ] || fail "$1: ${*:2} answered: $answer"
  counted[$code]=$((${counted[$code]-0} + 1))
  return 1
}
# signatures NAME TIMES CERTIFICATE: in the session s, each verified by OpenSSL.
signatures() {
  local good status=0
  can "$1" sign s "$2" "$3" || status=1
  [[ $answer =~ ^CKR_[A-Z_]+\ ([0-9]+)\ good\ 0\ logins$ ]] || fail "$1: sign answered: $answer"
  good=${BASH_REMATCH[1]}
  counted[good]=$((counted[good] + good))
  # Where it failed the card may have made one more, and the answer was lost.
  counted[tried]=$((counted[tried] + good + status))
  return "$status"
}
logged_in() { # NAME SLOT PIN: a session s with a login, and its key
  can "$1" open s "$2" || return 1
  can "$1" login s "$3" || return 1
  counted[logins]=$((counted[logins] + 1))
  can "$1" key s || return 1
  if [ "$answer" = "CKR_OK none" ]; then # the login was lost in between
    can "$1" state s || return 1
    [ "$answer" = "CKR_OK public" ] || fail "$1: a token with a login has no private key"
    counted[lost_at_once]=$((${counted[lost_at_once]-0} + 1))
    return 1
  fi
}
resources_of() { # NAME: into $kilobytes and $descriptors
  ask "$1" resources
  hear "$1"
  read -r kilobytes _ descriptors _ <<<"$answer"
}

poller() { # slots, token information and events, several times a second
  can poller slots || true
  can poller token 0 || true
  can poller token 1 || true
  ask poller event
  hear poller
  [[ $answer == CKR_OK* || $answer == CKR_NO_EVENT ]] || fail "poller: event answered: $answer"
  sleep 0.3
}
sign_some() { # NAME SLOT PIN CERTIFICATE
  local i
  excused[CKR_SLOT_ID_INVALID]=1 # after a C_Initialize while pcscd did not run no reader is known
  if logged_in "$@"; then
    for i in 1 2 3; do signatures "$1" 4 "$4" || break; done
    can "$1" logout s || true
  fi
  can "$1" close s || true
  if ((counted[rounds] % 10 == 0)); then
    tell "$1" CKR_OK finalize
    tell "$1" CKR_OK initialize
  fi
  sleep 0.5
}
signer_auth() { sign_some signer_auth 0 "$auth_pin" auth.pem; }
signer_sign() { sign_some signer_sign 1 "$sign_pin" sign.pem; }
short_lived() { # a process for one signature; each sixth is killed while it makes several
  local slot=$((RANDOM % 2)) pin=$auth_pin certificate=auth.pem
  if [ "$slot" = 1 ]; then pin=$sign_pin certificate=sign.pem; fi
  excused[CKR_SLOT_ID_INVALID]=1 # as above
  process once
  tell once CKR_OK initialize
  if logged_in once "$slot" "$pin"; then
    # Its login stays open at the card until another process ends its own one: not as the last of all.
    if ((counted[rounds] % 6 == 0 && SECONDS + 60 < end)); then
      ask once sign s 20
      sleep "0.$((RANDOM % 4))"
      process_is_killed once
      counted[killed]=$((${counted[killed]-0} + 1)) counted[tried]=$((counted[tried] + 20))
      sleep 1
      return
    fi
    signatures once 1 "$certificate" || true
  fi
  if ((RANDOM % 2)); then tell once CKR_OK finalize; fi
  process_ends once 0
  sleep 1
}
wrong_pin() { # then the right one, which brings the tries back; never with fewer than all tries left
  local status
  status=$(told status)
  if [[ $status == *"auth-tries=3 "* ]] && can wrong_pin open s 0; then
    ask wrong_pin login s "$((5000 + counted[rounds]))"
    hear wrong_pin
    case $answer in
      CKR_PIN_INCORRECT) counted[wrong]=$((counted[wrong] + 1)) ;;
      *) [ -n "${excused[${answer%% *}]-}" ] || fail "wrong_pin: a wrong PIN answered: $answer"
         counted[perhaps_wrong]=$((counted[perhaps_wrong] + 1)) ;;
    esac
    right_pin
  elif can wrong_pin open s 0; then
    right_pin
  fi
  sleep 6
}
right_pin() {
  if can wrong_pin login s "$auth_pin"; then can wrong_pin logout s || true; fi
  can wrong_pin close s || true
}

# act NAME: repeats what NAME does until the time is up, and writes down what it counted.
act() {
  local first_kilobytes first_descriptors long=1 key
  trap end_processes EXIT
  card_pid= # the main shell's
  exec 2>"$1.failed"
  RANDOM=$(((seed + ${#1}) % 32768))
  if [ "$1" = short_lived ]; then long=0; else process "$1"; tell "$1" CKR_OK initialize; fi
  while ((SECONDS < end)); do
    counted[rounds]=$((counted[rounds] + 1))
    "$1"
    if [ "$long" = 1 ] && [ "${counted[rounds]}" = 10 ]; then
      resources_of "$1"
      first_kilobytes=$kilobytes first_descriptors=$descriptors
    fi
  done
  if [ "$long" = 1 ]; then
    # Sessions of cards that are gone keep nothing; an idle process has no connection but the one that it warmed up with.
    resources_of "$1"
    counted[kilobytes_more]=$((kilobytes - ${first_kilobytes:-kilobytes}))
    counted[descriptors_more]=$((descriptors - ${first_descriptors:-descriptors}))
    tell "$1" CKR_OK finalize
    process_ends "$1" 0
  fi
  for key in "${!counted[@]}"; do printf '%s %s\n' "$key" "${counted[$key]}"; done >"$1.counts"
}
all_act() { # false as soon as one has failed
  local actor
  for actor in "${!actor_id[@]}"; do kill -0 "${actor_id[$actor]}" 2>/dev/null || return 1; done
}

happen() { # NUMBER: something at the reader
  case $1 in
    0 | 1 | 2) told leave >/dev/null; sleep 1; told come >/dev/null ;;
    3 | 4) by_other reset ;;
    5 | 6) by_other unpower ;;
    7 | 8) told other-application >/dev/null ;;
    9 | 10)
      if [ -n "$second_card" ]; then
        kill -TERM "$second_card" 2>/dev/null || true
        wait "$second_card" 2>/dev/null || true
        second_card=
      else
        "$virtual_card" --port $((JPKI_VPCD_PORT + 1)) --pki "$work/second-pki" --person 3 >second-card.log 2>&1 </dev/null &
        second_card=$!
      fi ;;
    11) pcscd_stops; sleep 0.5; pcscd_starts; until_true 30 reader_shows Yes || fail "no card after the restart of pcscd" ;;
  esac
}
by_other() { # HOW: a program without this module opens the card, and resets it or powers it off when it leaves
  ask other pcsc connect shared
  hear other
  if [[ $answer == ok* ]]; then ask other pcsc disconnect "$1"; hear other; fi
}

total() { cat ./*.counts | awk -v key="$1" '$1 == key { sum += $2 } END { print sum + 0 }'; }
# of_card WHAT KEY: a number of the card's own counters
of_card() { sed -E "s/.*[{,]$1:\{([^}]*)\}.*/,\1,/; s/.*,$2:([0-9]+),.*/\1/" <<<"$card_counts"; }
within_limits() { [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]; } # NUMBER LEAST MOST
account() {
  local status made wrong actor line
  card_counts=$(told counts | tr -d ' "')
  status=$(told status)
  expect "no login is open at the end" "$status" "auth-verified=no sign-verified=no"
  made=$(($(of_card signatures authentication) + $(of_card signatures signature)))
  within_limits "$made" "$(total good)" "$(total tried)" ||
    fail "the card made $made signatures; programs got $(total good), and asked for at most $(total tried)"
  say "ok: the card made $made signatures; programs got $(total good) of them, all verified; the others' answers were lost"
  [ "$(total good)" -ge $((seconds / 10)) ] || fail "only $(total good) signatures in $seconds s: this proves little"
  wrong=$(of_card wrong authentication)
  within_limits "$wrong" "$(total wrong)" $(($(total wrong) + $(total perhaps_wrong))) ||
    fail "the card counted $wrong wrong PINs; $(total wrong) were answered so, and $(total perhaps_wrong) are in doubt"
  [ "$(of_card wrong signature)" = 0 ] || fail "the card counted wrong signature passwords; none was given"
  say "ok: the card counted $wrong wrong PINs; programs were told of $(total wrong), $(total perhaps_wrong) are in doubt"
  expect "every try that is missing is the last wrong PIN's" "$status" "auth-tries=[23] sign-tries=5"
  for actor in "${!actor_id[@]}"; do
    line=$(sort "$actor.counts" | tr '\n' ' ')
    say "$actor: $line"
    for what in kilobytes_more:4096 descriptors_more:2; do
      [ "$(awk -v key="${what%:*}" '$1 == key { print $2 + 0 }' "$actor.counts" | grep . || echo 0)" -le "${what#*:}" ] ||
        fail "$actor: ${what%:*} at the end than after ten rounds"
    done
  done
}
