#!/bin/bash
# jpki-tool cert: each certificate in each format, as openssl and ssh-keygen read it; output files have the right mode and are complete
# or absent.
. "$(dirname "$0")/lib.sh"
. "$here/lib-tool.sh"
need openssl ssh-keygen python3

exits 5 "no card" "$tool" cert auth
start_card --control "$JPKI_RUN_DIR/control"
umask 022
for which in auth sign auth-ca sign-ca; do
  exits 0 "$which as DER into a file" with_pins "ABC123\n" "$tool" cert "$which" --der --output "$which.der"
  expect "it says that the CA is not one of J-LIS" "$said" "none of J-LIS"
  check "openssl reads the DER" openssl x509 -inform der -in "$which.der" -noout
  "$tool" cert "$which" --pem --pin-fd 7 7< <(echo ABC123) >"$which.pem" 2>/dev/null || fail "no PEM"
  openssl x509 -in "$which.pem" -outform der -out again.der
  check "PEM on standard output is the same certificate" cmp "$which.der" again.der
  wanted=$(openssl x509 -inform der -in "$which.der" -noout -fingerprint -sha256 | sed 's/.*=//')
  check "openssl computes the same fingerprint" test "$("$tool" cert "$which" --fingerprint --pin-fd 7 7< <(echo ABC123) 2>/dev/null)" = "$wanted"
  check "a line for authorized_keys" test "$("$tool" cert "$which" --ssh --pin-fd 7 7< <(echo ABC123) 2>/dev/null | cut -d' ' -f1,2)" = \
    "$(openssl x509 -inform der -in "$which.der" -noout -pubkey | ssh-keygen -i -m PKCS8 -f /dev/stdin | cut -d' ' -f1,2)"
done
check "the certificates verify against the CAs on the card" openssl verify -CAfile auth-ca.pem auth.pem
check "both" openssl verify -CAfile sign-ca.pem sign.pem
check "the personal certificate has mode 600" test "$(stat -c %a sign.der)" = 600
check "other certificates have mode 644" test "$(stat -c %a auth.der)" = 644
expect "no login stays open" "$(control status)" "auth-verified=no sign-verified=no"

text=$("$tool" cert auth 2>/dev/null)
expect "text is the default" "$text" "Key usage \(critical\)"
expect "the text shows the key usage" "$text" "Digital Signature"
japanese "$tool" cert auth >ja.txt 2>/dev/null
expect "names of fields in Japanese" "$(cat ja.txt)" "鍵使用目的|鍵用途"
text=$("$tool" cert sign --pin-fd 7 7< <(echo ABC123) 2>/dev/null)
expect "the text names the holder's data" "$text" "Name +試験 花子"
document=$("$tool" --json cert auth-ca 2>/dev/null)
json 'd["result"]["pem"]' <<<"$document" >again.pem
openssl x509 -in again.pem -outform der -out again.der
check "the PEM of the document is the certificate" cmp auth-ca.der again.der

exits 2 "two forms at once" "$tool" cert auth --pem --der
exits 2 "unknown certificate" "$tool" cert other
exits 7 "a wrong password" with_pins "WRONG99\n" "$tool" cert sign --output none.pem
check "a wrong password leaves no file" test ! -e none.pem
exits 14 "a missing directory" "$tool" cert auth --output nowhere/file.pem
exits 14 "a name that is a directory" "$tool" cert auth --output "$work"
mkfifo fifo
exits 14 "a FIFO" "$tool" cert auth --output fifo
mkdir full
if mount -t tmpfs -o size=4k tmpfs full 2>/dev/null; then
  head -c 4096 /dev/zero >full/fill
  exits 14 "a full disk" "$tool" cert auth --text --output full/cert
  check "no partial file stays" test "$(ls full)" = fill
fi
exits 14 "a full device as standard output" bash -c '"$1" cert auth --pem >/dev/full' - "$tool"
swap_card child
exits 12 "a card without that certificate" "$tool" cert sign --pem
exits 0 "a card without the certificate has its CA certificate" "$tool" cert sign-ca --pem
swap_card phone
exits 0 "a phone's certificate needs the PIN" with_pins "1234\n" "$tool" cert auth --pem
expect "jpki-tool asks for the PIN" "$said" "PIN for user authentication"
stop_card
