#!/bin/bash
# Another process holds the card with SCARD_SHARE_EXCLUSIVE for a long time, as gpg's scdaemon does. No call of ours, in any
# thread, waits longer than half a second for it, and after the first no call waits; TLS handshakes of a program that only
# has the module loaded go on; and when the holder ends, the card is available again, with a slot event.
. "$(dirname "$0")/lib.sh"
. "$here/lib-processes.sh"
. "$here/lib-neighbour.sh"
need pkcs11-tool openssl tstclnt certutil modutil
scdaemon=$(find /usr/lib /usr/libexec -maxdepth 2 -name scdaemon -print -quit 2>/dev/null || true)
[ -x "$scdaemon" ] || fail "scdaemon is not installed (Debian: scdaemon)"

# With the default settings: busy_timeout_ms is for transactions of other programs, not for exclusive holders.
start_card --control "$work/card.sock"
tls_without_client_certificate
process holder
process a

# held KIND: every call while the card is held; the first may take half a second, the others return at once. A loaded machine is
# slower: the limits are far below a wait for the holder in every call (busy_timeout_ms is 10 s).
held() {
  local kind=$1 call first=none others=0
  for _ in 1 2 3; do
    for call in "token 0" "open s 0" "token 1" "open s 1" slots "mechanisms 0"; do
      ask a "$call"
      hear a
      # A session with a card that cannot be reached would be useless.
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
  say "ok: $kind: first call $first ms, 17 other calls $others ms"
}

for kind in adult foreign; do
  swap_card "$kind"
  tell holder ok pcsc connect exclusive
  tell a CKR_OK initialize
  held "$kind"

  # Two threads at the same time: neither waits for the other's wait.
  : >a.late
  ask a "& token 0"
  ask a "& token 1"
  ask a "& open t 0"
  for call in "token 0" "token 1" "open t 0"; do late a "^$call: CKR_[A-Z_]+ in [0-9]+ ms"; done
  while read -r line; do
    milliseconds=${line##* in } milliseconds=${milliseconds% ms}
    within 800 "$kind: in a thread of three: $line"
  done <a.late
  say "ok: $kind: threads do not wait one after the other"

  handshake "$kind, held exclusively"
  handshake "$kind, held exclusively, a second time"

  tell holder ok pcsc disconnect leave
  if [ "$kind" = adult ]; then
    until_true 5 usable a || fail "the card is not available after its holder ended: $answer"
    say "ok: $kind: available again after the holder ended"
    # The same for a card that this process already used.
    tell a CKR_OK close s
    until_true 5 holder_gets_it || fail "the module does not disconnect without a session: $answer"
    held "$kind, known before"
    tell holder ok pcsc disconnect leave
    until_true 5 usable a || fail "the card used before is not available after its holder ended: $answer"
    say "ok: $kind: a card used before is available again after the holder ended"
  fi
  tell a CKR_OK finalize
done

# The slot event: a process that saw the card held gets an event when it is released.
swap_card adult
tell holder ok pcsc connect exclusive
tell a CKR_OK initialize
tell a "CKR_*" slots
tell a "CKR_*" token 0
while tell a "*" event && [ "$answer" != CKR_NO_EVENT ]; do :; done
: >a.late
ask a "& wait"
tell holder ok pcsc disconnect leave
late a "^wait: CKR_OK slot [01] in"
say "ok: a slot event after the holder ended"
tell a "CKR_OK 0=card 1=card 2=empty 3=empty" slots
tell a "CKR_OK *" token 0

# Held while a user is logged in: PC/SC then gives no exclusive access.
tell a CKR_OK open s 0
tell a CKR_OK login s "$auth_pin"
tell a CKR_OK key s
tell holder "0x8010000B" pcsc connect exclusive
tell a "*CKR_OK 1 good 0 logins" sign s 1
say "ok: a session with a login keeps the card from an exclusive holder"
# Without a session the module disconnects: other programs get the card.
tell a CKR_OK logout s
tell a CKR_OK close s
until_true 5 holder_gets_it || fail "the module does not disconnect after the last session: $answer"
say "ok: after the last session the module disconnects"
tell holder ok pcsc disconnect leave
tell a CKR_OK finalize
tell a CKR_OK initialize

# gpg's own scdaemon: it holds the card once a program of GnuPG has looked for cards.
mkdir -m 700 "$work/gnupg"
printf 'disable-ccid\n' >"$work/gnupg/scdaemon.conf" # its own driver needs a reader on USB
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
until_true 20 usable a || fail "the card is not available after scdaemon ended: $answer"
say "ok: available again after scdaemon ended"
process_ends a 0
