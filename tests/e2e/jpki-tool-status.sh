#!/bin/bash
# jpki-tool status: cards of every kind behind a real pcscd, the text, the JSON document, exit statuses, and that the card is left
# as it was found.
. "$(dirname "$0")/lib.sh"
. "$here/lib-tool.sh"
need python3 opensc-tool

exits 5 "no card" "$tool" status
expect "it says so" "$said" "No card"
exits 5 "no card, as JSON" "$tool" --json status
expect "the document names the status" "$said" '"name": "no-card"'

start_card --control "$JPKI_RUN_DIR/control"
exits 0 "an ordinary card" "$tool" status
expect "tries of the PIN" "$said" "PIN \(4 digits\) +3 tries left \(of 3\)"
expect "tries of the password" "$said" "Password .* +5 tries left \(of 5\)"
expect "validity and days left" "$said" "Validity +20[0-9-]+ to 20[0-9-]+ \([0-9]+ days left\)"
expect "when renewal opens" "$said" "Renewal +possible from 20[0-9]{2}-[0-9]{2}-[0-9]{2}"
expect "the signature certificate is not asked for" "$said" "readable with the password only"
refuse "nothing personal" "$said" "花子|東京都"
counts=$(control counts)
expect "no VERIFY was sent" "$counts" '"verify":\{"authentication":0,"signature":0\}'
document=$("$tool" --json status)
check "the schema is named" test "$(json 'd["schema"]' <<<"$document")" = jpki-tool/1
check "tries in the document" test "$(json 'd["result"]["readers"][0]["card"]["keys"]["authentication"]["tries_left"]' <<<"$document")" = 3
check "the model in the document" test "$(json 'd["result"]["readers"][0]["card"]["model"]' <<<"$document")" = E16R01NJ
check "a test CA is none of J-LIS" test "$(json 'd["result"]["readers"][0]["card"]["keys"]["authentication"]["certificate"]["issuer"]["verdict"]' <<<"$document")" = not-known

japanese "$tool" status >ja.txt
expect "in Japanese the offices' words" "$(cat ja.txt)" "利用者証明用電子証明書"
expect "and those of the password" "$(cat ja.txt)" "パスワード\(英数字6~16文字\) +残り5回"
check "the columns line up in Japanese" python3 - ja.txt <<'P'
import sys, unicodedata
width = lambda t: sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in t)
starts, block = [], []
for line in open(sys.argv[1], encoding="utf-8"):
    line = line.rstrip("\n")
    if line.startswith("  ") and "  " in line.strip() and line[2] != " ":
        label = line[2:].split("  ")[0]
        value = line[2 + len(label):].lstrip(" ")
        block.append(width(line) - width(value))
    elif block and not line.startswith("  "):
        starts.append(block)
        block = []
starts = [b for b in starts if len(b) > 1]
assert len(starts) == 2 and all(len(set(b)) == 1 for b in starts), starts
P

# With the password, and what is personal only when asked for.
exits 0 "--signature" with_pins "abc123\n" "$tool" status --signature
refuse "without --personal nothing personal" "$said" "花子|東京都"
expect "the tries are told before" "$said" "5 tries are left"
exits 0 "--personal" with_pins "ABC123\n" "$tool" status --signature --personal
expect "name" "$said" "Name +試験 花子"
expect "address" "$said" "Address +東京都見本市試験町"
expect "birth, Gregorian and era" "$said" "1990-01-01 \(Heisei 2\)"
expect "sex" "$said" "Sex +female"
expect "the card is locked afterwards" "$(control status)" "auth-verified=no sign-verified=no"
exits 2 "--personal without --signature is wrong usage" "$tool" status --personal
exits 7 "a wrong password" with_pins "WRONG99\n" "$tool" status --signature
expect "costs a try, and says how many are left" "$said" "4 tries are left"
expect "the card counted one" "$(control status)" "sign-tries=4"
control tries sign 5 >/dev/null

# Whatever the card: a sentence and the right status.
for row in "child 0 not.on.this.card" "blocked 0 BLOCKED" "last-try 0 1.try.left" "expired 0 expired.10.days.ago" \
  "phone 0 application.of.a.phone" "bare 0 3.tries.left" "no-short-forms 0 3.tries.left" "query-needs-le 0 5.tries.left" \
  "first-6f00 0 3.tries.left" "no-authentication 0 none.on.this.card" "foreign 6 not.a.My.Number.Card"; do
  read -r kind status words <<<"$row"
  control swap "$kind" >/dev/null
  until_true 20 reader_shows Yes || fail "the card $kind does not come"
  exits "$status" "a card of the kind $kind" "$tool" status
  expect "it is described" "$said" "$words"
done
control swap expired >/dev/null
until_true 20 reader_shows Yes || fail "no card"
exits 0 "an expired card" "$tool" status
expect "what to do next" "$said" "expired. Apply for a new one"

# Two cards: which is meant is for the user to say.
control swap adult >/dev/null
until_true 20 reader_shows Yes || fail "no card"
exits 4 "a reader that is not there" "$tool" status --reader Nonesuch
exits 5 "the other reader" "$tool" status --reader 2

# Another program has the reader exclusively: told at once, and who it may be.
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
read -r held <&"${COPROC[0]}"
holder=$COPROC_PID
check "another program has the reader" test "$held" = held
exits 11 "exclusive use" "$tool" status
expect "it is said" "$said" "opened the reader exclusively"
expect "by whom, as far as /proc tells" "$said" "python3 \(process $holder\)"
exec {COPROC[1]}>&-
wait "$holder" 2>/dev/null || true

# A card that goes in the middle of a command.
control fault card_gone 5 >/dev/null
exits 5 "a card that is pulled while it is read" "$tool" status
expect "a clear sentence" "$said" "removed|No card"
control come >/dev/null
until_true 20 reader_shows Yes || fail "no card"

# Watching, until a signal; the card is not kept.
"$tool" --json status --watch >watched.jsonl 2>watch.err &
watcher=$!
until_true 20 grep -q '"state":"card"' watched.jsonl || fail "--watch shows nothing"
control leave >/dev/null
until_true 20 grep -q '"state":"empty","atr":"","in_use":false,"exclusive":false}.*"state":"empty"' watched.jsonl || fail "--watch does not see the card go: $(cat watched.jsonl)"
say "ok: --watch sees the card come and go"
lines=$(wc -l <watched.jsonl)
control come >/dev/null
until_true 20 reader_shows Yes || fail "no card"
until_true 20 test "$(wc -l <watched.jsonl)" -gt "$lines" || fail "--watch does not see the card come back"
lines=$(wc -l <watched.jsonl)
sleep 2
check "and prints nothing while nothing happens" test "$(wc -l <watched.jsonl)" = "$lines"
kill -TERM "$watcher"
status=0
wait "$watcher" || status=$?
check "SIGTERM ends it as SIGTERM does" test "$status" = 143
stop_card
