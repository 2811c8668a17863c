#!/bin/bash
# jpki-tool pin: texts before the PIN entry, sources of PINs, exit status for each answer of the card; no try is spent
# needlessly, and no login stays open, however the command ends.
. "$(dirname "$0")/lib.sh"
. "$here/lib-tool.sh"
need python3

start_card --control "$JPKI_RUN_DIR/control"
locked() { expect "no login stays open" "$(control status)" "auth-verified=no sign-verified=no"; }

exits 0 "right PIN" with_pins "1234\n" "$tool" pin verify auth
expect "which PIN" "$said" "PIN for user authentication \(4 digits\)"
expect "for which card" "$said" "Card in Virtual PCD 00 00"
expect "tries left" "$said" "3 tries are left"
expect "cost of a wrong PIN" "$said" "A wrong one costs one try"
locked
exits 0 "right password in lower case" with_pins "abc123\n" "$tool" pin verify sign
exits 7 "wrong PIN" with_pins "9999\n" "$tool" pin verify auth
expect "tries left after a wrong PIN" "$said" "2 tries are left"
locked
exits 7 "wrong PIN, as JSON" with_pins "9999\n" "$tool" --json pin verify auth
expect "tries in the document" "$said" '"tries_left": 1'
expect "status in the document" "$said" '"name": "pin-wrong"'
exits 9 "with one try left jpki-tool asks for no PIN" with_pins "1234\n" "$tool" pin verify auth
expect "the message names --last-try" "$said" "--last-try"
expect "the last try is not spent" "$(control status)" "auth-tries=1"
exits 0 "--last-try sends the PIN" with_pins "1234\n" "$tool" pin verify auth --last-try
expect "the right PIN resets the retry counter" "$(control status)" "auth-tries=3"
control tries auth 1 >/dev/null
exits 8 "a wrong last try blocks" with_pins "9999\n" "$tool" pin verify auth --last-try
expect "the message names the municipal office" "$said" "municipal office"
exits 8 "a blocked PIN" with_pins "1234\n" "$tool" pin verify auth
control tries auth 3 >/dev/null

# A PIN against the rules is never sent to the card.
control reset-counts >/dev/null
for wrong in "123" "12345" "12a4" "" "1234567890123456789012345"; do
  exits 10 "a PIN against the rules: '$wrong'" with_pins "$wrong\n" "$tool" pin verify auth
done
exits 10 "no line" with_pins "" "$tool" pin verify auth
exits 10 "a password that is too short" with_pins "ABC12\n" "$tool" pin verify sign
exits 10 "a password with a forbidden character" with_pins "ABC-123\n" "$tool" pin verify sign
expect "no VERIFY was sent" "$(control counts)" '"verify":\{"authentication":0,"signature":0\}'
exits 2 "a PIN as argument" "$tool" pin verify auth 1234
exits 2 "no terminal and no other source of a PIN" setsid "$tool" pin verify auth
expect "the message names the other sources" "$said" "--pin-fd or --pinentry"
exits 2 "a descriptor that is not open" "$tool" pin verify auth --pin-fd 99

# Changing.
exits 0 "change of the PIN" with_pins "1234\n2345\n" "$tool" pin change auth
expect "the rules for the new PIN" "$said" "The new PIN has 4 digits"
expect "tries after the change" "$said" "The PIN was changed. 3 tries are left"
locked
exits 0 "the new PIN is right" with_pins "2345\n" "$tool" pin verify auth
exits 7 "the old PIN is wrong" with_pins "1234\n" "$tool" pin verify auth
control tries auth 3 >/dev/null
exits 0 "change of the password" with_pins "abc123\nnew456\n" "$tool" pin change sign
exits 0 "the new password is right, in capitals" with_pins "NEW456\n" "$tool" pin verify sign
control reset-counts >/dev/null
exits 10 "a new password of letters only" with_pins "NEW456\nLETTERS\n" "$tool" pin change sign
exits 10 "a new PIN equal to the old one" with_pins "2345\n2345\n" "$tool" pin change auth
exits 10 "no new PIN" with_pins "2345\n" "$tool" pin change auth
expect "no VERIFY was sent for invalid new PINs" "$(control counts)" '"verify":\{"authentication":0,"signature":0\}'
exits 7 "a wrong old PIN" with_pins "9999\n8888\n" "$tool" pin change auth
expect "a wrong old PIN costs one try" "$(control status)" "auth-tries=2"
locked

# pinentry: a program of this test that speaks the protocol and logs its commands.
cat >pinentry <<'P'
#!/bin/bash
echo "OK Pleased to meet you"
while read -r line; do
  printf '%s\n' "$line" >>pinentry.log
  case $line in
    GETPIN) if [ -e cancel ]; then echo "ERR 83886179 Operation cancelled <Pinentry>"; else
      count=$(grep -c GETPIN pinentry.log)
      echo "S PASSPHRASE"
      echo "D $(sed -n "${count}p" answers)"
      echo OK; fi ;;
    OPTION*) echo "ERR 83886254 Unknown option <Pinentry>" ;;
    *) echo OK ;;
  esac
done
P
chmod +x pinentry
printf '2345\n' >answers
exits 0 "the PIN comes from pinentry" "$tool" pin verify auth --pinentry --pinentry-program "$PWD/pinentry"
expect "pinentry shows the tries left" "$(cat pinentry.log)" "^SETDESC .*2 tries are left"
rm pinentry.log
printf '2345\n%%33456\n%%33456\n' >answers
exits 0 "a change through pinentry, with escapes" "$tool" pin change auth --pinentry --pinentry-program "$PWD/pinentry"
check "pinentry asks twice for the new PIN" test "$(grep -c GETPIN pinentry.log)" = 3
exits 0 "the PIN from pinentry is the new one" with_pins "3456\n" "$tool" pin verify auth
rm pinentry.log
printf '3456\n1111\n2222\n' >answers
exits 10 "two different new PINs" "$tool" pin change auth --pinentry --pinentry-program "$PWD/pinentry"
touch cancel
exits 10 "cancelled" "$tool" pin verify auth --pinentry --pinentry-program "$PWD/pinentry"
exits 2 "a missing pinentry" "$tool" pin verify auth --pinentry --pinentry-program /nonexistent/pinentry
exits 10 "a pinentry that ends at once" "$tool" pin verify auth --pinentry --pinentry-program true
locked

# On a terminal: no echo, and the terminal's settings are restored after an entry, Ctrl-C and SIGTERM.
cat >terminal.py <<'P'
import os, pty, select, signal, sys, termios, time
tool, mode = sys.argv[1], sys.argv[2]
pid, fd = pty.fork()
if pid == 0:
    os.execv(tool, [tool, "pin", "verify", "auth"])
before = termios.tcgetattr(fd)
seen = b""
def until(word):
    global seen
    end = time.time() + 20
    while word not in seen:
        assert time.time() < end, seen
        if select.select([fd], [], [], 0.2)[0]:
            seen += os.read(fd, 4096)
until(b"PIN: ")
assert not termios.tcgetattr(fd)[3] & termios.ECHO, "echo is on"
if mode == "enter": os.write(fd, b"3456\n")
elif mode == "interrupt": os.write(fd, b"34\x03")
elif mode == "eof": os.write(fd, b"\x04")
else: os.kill(pid, getattr(signal, mode))
if mode == "enter": until(b"The PIN is right.")
end = time.time() + 20
while True:
    done, status = os.waitpid(pid, os.WNOHANG)
    if done: break
    assert time.time() < end, "does not end"
    time.sleep(0.05)
try:
    assert termios.tcgetattr(fd) == before, "the terminal is not as before"
except termios.error: pass
assert b"3456" not in seen and b"34" not in seen.replace(b"1234", b""), seen
print(os.waitstatus_to_exitcode(status))
P
check "typed on a terminal" test "$(python3 terminal.py "$tool" enter)" = 0
check "Ctrl-C during the entry" test "$(python3 terminal.py "$tool" interrupt)" = -2
check "SIGTERM during the entry" test "$(python3 terminal.py "$tool" SIGTERM)" = -15
check "SIGHUP during the entry" test "$(python3 terminal.py "$tool" SIGHUP)" = -1
check "Ctrl-D during the entry" test "$(python3 terminal.py "$tool" eof)" = 10
locked
expect "no try was spent on the terminal" "$(control status)" "auth-tries=3"

# The card is removed at each command of a change: a clear message, and one of the two PINs is valid.
for at in 0 1 2 3 4 5 6; do
  control fault card_gone "$at" >/dev/null
  status=0
  output=$(with_pins "3456\n4567\n" "$tool" pin change auth 2>&1) || status=$?
  if [ "$status" = 0 ]; then
    with_pins "4567\n3456\n" "$tool" pin change auth >/dev/null 2>&1 || true
  elif [ "$status" != 5 ] && [ "$status" != 1 ]; then
    # pcscd may report a removal late: then it is a transmission error (1).
    fail "card removed at command $at: exit status $status: $output"
  fi
  control fault none >/dev/null
  insert_card
  if with_pins "4567\n" "$tool" pin verify auth >/dev/null 2>&1; then
    with_pins "4567\n3456\n" "$tool" pin change auth >/dev/null 2>&1 || fail "cannot change back"
  fi
  control tries auth 3 >/dev/null
done
exits 0 "the PIN is the last one set" with_pins "3456\n" "$tool" pin verify auth
japanese "$tool" pin verify auth --pin-fd 7 7< <(echo 9999) >ja.txt 2>&1 || true
expect "in Japanese" "$(cat ja.txt)" "暗証番号"
stop_card
