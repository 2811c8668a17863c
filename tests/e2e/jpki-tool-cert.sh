#!/bin/bash
# jpki-tool cert: each certificate in each form, as openssl and ssh-keygen read it; files with the right permissions, whole or not
# at all.
. "$(dirname "$0")/lib.sh"
. "$here/lib-tool.sh"
need openssl ssh-keygen python3

exits 5 "no card" "$tool" cert auth
start_card --control "$JPKI_RUN_DIR/control"
umask 022
for which in auth sign auth-ca sign-ca; do
  exits 0 "$which as DER into a file" with_pins "ABC123\n" "$tool" cert "$which" --der --output "$which.der"
  expect "it says whose CA it is" "$said" "none of J-LIS"
  check "openssl reads it" openssl x509 -inform der -in "$which.der" -noout
  "$tool" cert "$which" --pem --pin-fd 7 7< <(echo ABC123) >"$which.pem" 2>/dev/null || fail "no PEM"
  openssl x509 -in "$which.pem" -outform der -out again.der
  check "PEM on standard output is the same certificate" cmp "$which.der" again.der
  wanted=$(openssl x509 -inform der -in "$which.der" -noout -fingerprint -sha256 | sed 's/.*=//')
  check "the fingerprint is openssl's" test "$("$tool" cert "$which" --fingerprint --pin-fd 7 7< <(echo ABC123) 2>/dev/null)" = "$wanted"
  check "a line for authorized_keys" test "$("$tool" cert "$which" --ssh --pin-fd 7 7< <(echo ABC123) 2>/dev/null | cut -d' ' -f1,2)" = \
    "$(openssl x509 -inform der -in "$which.der" -noout -pubkey | ssh-keygen -i -m PKCS8 -f /dev/stdin | cut -d' ' -f1,2)"
done
check "the certificates verify against the CAs on the card" openssl verify -CAfile auth-ca.pem auth.pem
check "both" openssl verify -CAfile sign-ca.pem sign.pem
check "the personal one is for its owner only" test "$(stat -c %a sign.der)" = 600
check "the others are not secret" test "$(stat -c %a auth.der)" = 644
expect "no PIN is left verified" "$(control status)" "auth-verified=no sign-verified=no"

text=$("$tool" cert auth 2>/dev/null)
expect "text is the default" "$text" "Key usage \(critical\)"
expect "with its value" "$text" "Digital Signature"
japanese "$tool" cert auth >ja.txt 2>/dev/null
expect "names of fields in Japanese" "$(cat ja.txt)" "鍵使用目的|鍵用途"
text=$("$tool" cert sign --pin-fd 7 7< <(echo ABC123) 2>/dev/null)
expect "the holder's data by name" "$text" "Name +試験 花子"
document=$("$tool" --json cert auth-ca 2>/dev/null)
json 'd["result"]["pem"]' <<<"$document" >again.pem
openssl x509 -in again.pem -outform der -out again.der
check "the PEM of the document is the certificate" cmp auth-ca.der again.der

exits 2 "two forms at once" "$tool" cert auth --pem --der
exits 2 "no such certificate" "$tool" cert other
exits 7 "a wrong password" with_pins "WRONG99\n" "$tool" cert sign --output none.pem
check "leaves no file" test ! -e none.pem
exits 14 "a directory that is not there" "$tool" cert auth --output nowhere/file.pem
exits 14 "a name that is a directory" "$tool" cert auth --output "$work"
mkfifo fifo
exits 14 "a FIFO" "$tool" cert auth --output fifo
mkdir full
if mount -t tmpfs -o size=4k tmpfs full 2>/dev/null; then
  head -c 4096 /dev/zero >full/fill
  exits 14 "a full disk" "$tool" cert auth --text --output full/cert
  check "nothing half-written is left" test "$(ls full)" = fill
fi
exits 14 "standard output that is full" bash -c '"$1" cert auth --pem >/dev/full' - "$tool"
control swap child >/dev/null
until_true 20 reader_shows Yes || fail "no card"
exits 12 "a card without that certificate" "$tool" cert sign --pem
exits 0 "its CA is there" "$tool" cert sign-ca --pem
control swap phone >/dev/null
until_true 20 reader_shows Yes || fail "no card"
exits 0 "a phone's certificate wants the PIN" with_pins "1234\n" "$tool" cert auth --pem
expect "which is asked for" "$said" "PIN for user authentication"
stop_card
