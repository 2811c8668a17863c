#!/bin/bash
# Another process holds the card with SCARD_SHARE_EXCLUSIVE for a long time, as gpg's scdaemon does. No call of ours, in whatever
# thread, waits longer than half a second for it, and after the first none waits at all; TLS handshakes of a program that only
# happens to have the module loaded go on; and as soon as the holder lets go the card is there again, with a slot event.
. "$(dirname "$0")/lib.sh"
. "$here/lib-processes.sh"
. "$here/lib-neighbour.sh"
need pkcs11-tool openssl tstclnt certutil modutil
scdaemon=$(find /usr/lib /usr/libexec -maxdepth 2 -name scdaemon -print -quit 2>/dev/null || true)
[ -x "$scdaemon" ] || fail "scdaemon is not installed (Debian: scdaemon)"

# With the default settings: the time that a transaction of another program is waited for is not for exclusive holders.
start_card --control "$work/card.sock"
tls_without_client_certificate
process holder
process a

# held KIND: every call while the card is held; the first may take half a second, the others are at once. A loaded machine takes
# longer for anything: the limits are far from what a wait for the holder in every call would take (busy_timeout_ms is 10 s).
held() {
  local kind=$1 call first=none others=0
  for _ in 1 2 3; do
    for call in "token 0" "open s 0" "token 1" "open s 1" slots "mechanisms 0"; do
      ask a "$call"
      hear a
      # Sessions of a card that cannot be reached would be of no use.
      [[ $call != open* || $answer != "CKR_OK"* ]] || fail "$kind: $call answered $answer while the card is held"
      if [ "$first" = none ]; then
        within 800 "$kind: the first call ($call)"
        first=$milliseconds
      else
        others=$((others + milliseconds))
      fi
    done
  done
  [ "$others" -le 1700 ] || fail "$kind: 17 calls after the first take $others ms"
  say "ok: $kind: $first ms for the first call, $others ms for 17 others"
}

for kind in adult foreign; do
  told swap "$kind" >/dev/null
  until_true 20 reader_shows Yes || fail "the card is not there"
  tell holder ok pcsc connect exclusive
  tell a CKR_OK initialize
  held "$kind"

  # Two threads at the same time: neither waits for the other one's wait.
  : >a.late
  ask a "& token 0"
  ask a "& token 1"
  ask a "& open t 0"
  for call in "token 0" "token 1" "open t 0"; do late a "^$call: CKR_[A-Z_]+ in [0-9]+ ms"; done
  while read -r line; do
    milliseconds=${line##* in } milliseconds=${milliseconds% ms}
    within 800 "$kind: in a thread of three: $line"
  done <a.late
  say "ok: $kind: threads do not wait in turn"

  handshake "$kind, held exclusively"
  handshake "$kind, held exclusively, a second time"

  tell holder ok pcsc disconnect leave
  if [ "$kind" = adult ]; then
    until_true 5 usable a || fail "the card does not come back after its holder let go: $answer"
    say "ok: $kind: usable again when the holder has let go"
    # A card that this process knows already is no different.
    tell a CKR_OK close s
    until_true 5 holder_gets_it || fail "a card without a session is not let go: $answer"
    held "$kind, known before"
    tell holder ok pcsc disconnect leave
    until_true 5 usable a || fail "the card that was known does not come back after its holder let go: $answer"
    say "ok: $kind: and again"
  fi
  tell a CKR_OK finalize
done

# The slot event: a process that saw the card held is told when it is free.
told swap adult >/dev/null
until_true 20 reader_shows Yes || fail "the card is not there"
tell holder ok pcsc connect exclusive
tell a CKR_OK initialize
tell a "CKR_*" slots
tell a "CKR_*" token 0
while tell a "*" event && [ "$answer" != CKR_NO_EVENT ]; do :; done
: >a.late
ask a "& wait"
tell holder ok pcsc disconnect leave
late a "^wait: CKR_OK slot [01] in"
say "ok: a slot event when the holder has let go"
tell a "CKR_OK 0=card 1=card 2=empty 3=empty" slots
tell a "CKR_OK *" token 0

# Held while somebody is logged in: PC/SC does not let anybody in who wants the card for himself then.
tell a CKR_OK open s 0
tell a CKR_OK login s "$auth_pin"
tell a CKR_OK key s
tell holder "0x8010000B" pcsc connect exclusive
tell a "*CKR_OK 1 good 0 logins" sign s 1
say "ok: a session with a login keeps the card from an exclusive holder"
# Without a session on it the card is let go: then others get it.
tell a CKR_OK logout s
tell a CKR_OK close s
until_true 5 holder_gets_it || fail "the card without a session is not let go: $answer"
say "ok: and the card without a session is let go"
tell holder ok pcsc disconnect leave
tell a CKR_OK finalize
tell a CKR_OK initialize

# gpg's own scdaemon, for which it is enough that a program of gpg's looked for cards once.
mkdir -m 700 "$work/gnupg"
printf 'disable-ccid\n' >"$work/gnupg/scdaemon.conf" # its own driver wants a reader on USB
mkfifo scdaemon.in
"$scdaemon" --homedir "$work/gnupg" --server <scdaemon.in >scdaemon.out 2>scdaemon.log &
neighbour_background+=("$!")
exec {scdaemon_input}>scdaemon.in
echo "SERIALNO undefined" >&"$scdaemon_input"
until_true 20 grep -q '^S SERIALNO' scdaemon.out || { cat scdaemon.out scdaemon.log >&2; fail "scdaemon does not find the card"; }
tell holder 0x8010000B pcsc connect shared
say "ok: scdaemon holds the card exclusively"
held "scdaemon"
handshake "beside scdaemon"
echo BYE >&"$scdaemon_input"
until_true 20 usable a || fail "the card does not come back after scdaemon ended: $answer"
say "ok: usable again when scdaemon has ended"
process_ends a 0
