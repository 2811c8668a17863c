#!/bin/bash
# jpki-tool status: cards of every kind with real pcscd, the text, the JSON document, exit statuses, and that it does not change the
# card's state.
. "$(dirname "$0")/lib.sh"
. "$here/lib-tool.sh"
need python3 opensc-tool

exits 5 "no card" "$tool" status
expect "the text says so" "$said" "No card"
exits 5 "no card, as JSON" "$tool" --json status
expect "the document names the status" "$said" '"name": "no-card"'

start_card --control "$JPKI_RUN_DIR/control"
exits 0 "an adult's card" "$tool" status
expect "tries of the PIN" "$said" "PIN \(4 digits\) +3 tries left \(of 3\)"
expect "tries of the password" "$said" "Password .* +5 tries left \(of 5\)"
expect "validity and days left" "$said" "Validity +20[0-9-]+ to 20[0-9-]+ \([0-9]+ days left\)"
expect "first day of renewal" "$said" "Renewal +possible from 20[0-9]{2}-[0-9]{2}-[0-9]{2}"
expect "status does not ask for the password" "$said" "readable with the password only"
refuse "no personal data" "$said" "花子|東京都"
counts=$(control counts)
expect "no VERIFY was sent" "$counts" '"verify":\{"authentication":0,"signature":0\}'
document=$("$tool" --json status)
check "the document names its schema" test "$(json 'd["schema"]' <<<"$document")" = jpki-tool/1
check "tries in the document" test "$(json 'd["result"]["readers"][0]["card"]["keys"]["authentication"]["tries_left"]' <<<"$document")" = 3
check "the model in the document" test "$(json 'd["result"]["readers"][0]["card"]["model"]' <<<"$document")" = E16R01NJ
check "a test CA is not one of J-LIS" test "$(json 'd["result"]["readers"][0]["card"]["keys"]["authentication"]["certificate"]["issuer"]["verdict"]' <<<"$document")" = not-known

japanese "$tool" status >ja.txt
expect "Japanese text uses the offices' terms" "$(cat ja.txt)" "利用者証明用電子証明書"
expect "Japanese text uses the offices' terms for the password" "$(cat ja.txt)" "パスワード\(英数字6~16文字\) +残り5回"
check "columns are aligned in Japanese" python3 - ja.txt <<'P'
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

# With the password; personal data only with --personal.
exits 0 "--signature" with_pins "abc123\n" "$tool" status --signature
refuse "no personal data without --personal" "$said" "花子|東京都"
expect "tries left before the entry" "$said" "5 tries are left"
exits 0 "--personal" with_pins "ABC123\n" "$tool" status --signature --personal
expect "name" "$said" "Name +試験 花子"
expect "address" "$said" "Address +東京都見本市試験町"
expect "date of birth, Gregorian and era" "$said" "1990-01-01 \(Heisei 2\)"
expect "sex" "$said" "Sex +female"
expect "no login stays open" "$(control status)" "auth-verified=no sign-verified=no"
exits 2 "--personal without --signature" "$tool" status --personal
exits 7 "a wrong password" with_pins "WRONG99\n" "$tool" status --signature
expect "tries left after a wrong password" "$said" "4 tries are left"
expect "a wrong password costs one try" "$(control status)" "sign-tries=4"
control tries sign 5 >/dev/null

# For every kind of card: a message and the right exit status.
for row in "child 0 not.on.this.card" "blocked 0 BLOCKED" "last-try 0 1.try.left" "expired 0 expired.10.days.ago" \
  "phone 0 application.of.a.phone" "bare 0 3.tries.left" "no-short-forms 0 3.tries.left" "query-needs-le 0 5.tries.left" \
  "first-6f00 0 3.tries.left" "no-authentication 0 none.on.this.card" "foreign 6 not.a.My.Number.Card"; do
  read -r kind status words <<<"$row"
  swap_card "$kind"
  exits "$status" "a card of the kind $kind" "$tool" status
  expect "the text describes the kind $kind" "$said" "$words"
done
swap_card expired
exits 0 "an expired card" "$tool" status
expect "the text says to apply for a new certificate" "$said" "expired. Apply for a new one"

# Two cards: the user chooses one.
swap_card adult
exits 4 "unknown reader" "$tool" status --reader Nonesuch
exits 5 "the other reader" "$tool" status --reader 2

# Another program has the reader exclusively: reported at once, with its name.
hold_reader
exits 11 "reader in exclusive use" "$tool" status
expect "the text says that the reader is opened exclusively" "$said" "opened the reader exclusively"
expect "the text names the process, from /proc" "$said" "python3 \(process $holder\)"
release_reader

# A card that is removed during a command.
control fault card_gone 5 >/dev/null
exits 5 "card removed while it is read" "$tool" status
expect "the message says that the card was removed" "$said" "removed|No card"
insert_card

# --watch, until a signal; it does not keep the card connected.
"$tool" --json status --watch >watched.jsonl 2>watch.err &
watcher=$!
until_true 20 grep -q '"state":"card"' watched.jsonl || fail "--watch shows nothing"
control leave >/dev/null
until_true 20 grep -q '"state":"empty","atr":"","in_use":false,"exclusive":false}.*"state":"empty"' watched.jsonl || fail "--watch does not report the removal: $(cat watched.jsonl)"
say "ok: --watch reports insertion and removal"
lines=$(wc -l <watched.jsonl)
insert_card
more_lines() { [ "$(wc -l <watched.jsonl)" -gt "$lines" ]; }
until_true 20 more_lines || fail "--watch does not report the second insertion"
lines=$(wc -l <watched.jsonl)
sleep 2
check "--watch prints nothing without a change" test "$(wc -l <watched.jsonl)" = "$lines"
kill -TERM "$watcher"
status=0
wait "$watcher" || status=$?
check "SIGTERM: exit status 143" test "$status" = 143
stop_card
