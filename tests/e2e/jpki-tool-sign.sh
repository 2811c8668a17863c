#!/bin/bash
# jpki-tool sign and verify: CMS that openssl verifies, CMS of openssl that jpki-tool verifies, commits of git, and what it must reject.
. "$(dirname "$0")/lib.sh"
. "$here/lib-tool.sh"
need openssl python3 git

printf 'A contract\r\nwith two lines.\n' >contract.txt
exits 5 "no card" "$tool" sign contract.txt --yes
start_card --control "$JPKI_RUN_DIR/control"
for which in auth sign; do
  with_pins "" "$tool" cert "$which-ca" --pem --output "$which-ca.pem" 2>/dev/null || fail "no CA certificate"
done
# openssl_verifies CA FORMAT FILE [CONTENT]: as CAdES, with only the certificates in the file.
openssl_verifies() {
  local ca=$1 form=$2 file=$3
  shift 3
  openssl cms -verify -cades -binary -purpose any -CAfile "$ca" -inform "$form" -in "$file" ${1:+-content "$1"} -out out.bin
}

# ---- sign ----
exits 0 "sign" with_pins "ABC123\n" "$tool" sign contract.txt --yes
expect "sign prints the SHA-256" "$said" "$(sha256sum contract.txt | cut -d' ' -f1 | tr a-f A-F)"
expect "sign prints what the certificate discloses" "$said" "your name, address, date of birth and sex"
check "openssl verifies the signature as CAdES" openssl_verifies sign-ca.pem der contract.txt.p7s contract.txt
check "openssl returns the content" cmp out.bin contract.txt
check "the signature has mode 600" test "$(stat -c %a contract.txt.p7s)" = 600
expect "no login stays open" "$(control status)" "auth-verified=no sign-verified=no"
openssl asn1parse -inform der -in contract.txt.p7s >parsed.txt
for attribute in contentType messageDigest signingTime id-smime-aa-signingCertificateV2; do
  expect "signed attribute $attribute" "$(cat parsed.txt)" "$attribute"
done
check "signer and CA are included" test "$(openssl pkcs7 -inform der -in contract.txt.p7s -print_certs | grep -c BEGIN)" = 2
exits 0 "sign with the authentication key, as PEM" with_pins "1234\n" "$tool" sign contract.txt --auth --pem --output auth.pem --yes
expect "sign says that the certificate has no name" "$said" "no name or address"
check "openssl verifies PEM" openssl_verifies auth-ca.pem pem auth.pem contract.txt
for form in der pem; do
  options=()
  [ $form = der ] || options=(--pem)
  exits 0 "attached, $form" with_pins "ABC123\n" "$tool" sign contract.txt --attached --output "attached.$form" --yes "${options[@]}"
  check "openssl verifies attached $form" openssl_verifies sign-ca.pem "$form" "attached.$form"
  check "openssl returns the content" cmp out.bin contract.txt
done
document=$("$tool" --json sign contract.txt --auth --output json.p7s --yes --pin-fd 7 7< <(echo 1234) 2>/dev/null)
check "the document has the digest" test "$(json 'd["result"]["sha256"].lower()' <<<"$document")" = "$(sha256sum contract.txt | cut -d' ' -f1)"

# ---- what sign rejects; no try is spent and no file is written ----
rm -f none.p7s
exits 17 "sign without consent" with_pins "ABC123\n" "$tool" sign contract.txt --output none.p7s
exits 14 "an existing signature" with_pins "ABC123\n" "$tool" sign contract.txt --yes
exits 0 "an existing signature with --force" with_pins "ABC123\n" "$tool" sign contract.txt --yes --force
exits 2 "the file itself as signature" with_pins "ABC123\n" "$tool" sign contract.txt --yes --force --output ./contract.txt
exits 14 "no such file" with_pins "ABC123\n" "$tool" sign absent.txt --yes --output none.p7s
exits 14 "a directory" with_pins "ABC123\n" "$tool" sign "$work" --yes --output none.p7s
exits 14 "a missing directory" with_pins "ABC123\n" "$tool" sign contract.txt --yes --output nowhere/none.p7s
mkfifo fifo
exits 14 "a FIFO" with_pins "ABC123\n" "$tool" sign fifo --yes --output none.p7s
exits 14 "a FIFO as signature" with_pins "ABC123\n" "$tool" sign contract.txt --yes --force --output fifo
exits 14 "/dev/full" with_pins "ABC123\n" "$tool" sign contract.txt --yes --force --output /dev/full
exits 7 "a wrong password" with_pins "WRONG99\n" "$tool" sign contract.txt --yes --output none.p7s
expect "sign prints the tries left" "$said" "4 tries are left"
exits 10 "a password against the rules" with_pins "A\n" "$tool" sign contract.txt --yes --output none.p7s
exits 0 "right password" with_pins "ABC123\n" "$tool" pin verify sign
expect "no try was lost" "$said" "5 tries are left"
mkdir full
if mount -t tmpfs -o size=8k tmpfs full 2>/dev/null; then
  head -c 4096 /dev/zero >full/fill
  head -c 20000 /dev/urandom >big.bin
  exits 14 "a full disk" with_pins "ABC123\n" "$tool" sign big.bin --attached --yes --output full/big.p7m
  check "no partial file stays" test "$(ls full)" = fill
fi
check "failed commands wrote no file" test ! -e none.p7s
check "no temporary file stays" test -z "$(find . -maxdepth 1 -name '*.p7?.*')"

# ---- verify ----
exits 0 "verify" "$tool" verify contract.txt contract.txt.p7s --ca sign-ca.pem
expect "verify names the signer" "$said" "試験 花子"
expect "verify says that revocation was not checked" "$said" "Revocation was not checked"
if [[ $said == *Address* ]]; then fail "the address is shown without --personal"; fi
exits 0 "verify --personal" "$tool" verify contract.txt contract.txt.p7s --ca sign-ca.pem --personal
expect "verify --personal prints the address" "$said" "Address"
exits 0 "PEM of the authentication key" "$tool" verify contract.txt auth.pem --ca auth-ca.pem
exits 0 "attached" "$tool" verify attached.der --ca sign-ca.pem --output content.txt
check "verify --output writes the content" cmp content.txt contract.txt
exits 0 "attached PEM" "$tool" verify attached.pem --ca sign-ca.pem
exits 13 "a CA that is not one of J-LIS, without --ca" "$tool" verify contract.txt contract.txt.p7s
expect "verify says that the CA is not one of J-LIS" "$said" "none of J-LIS"
exits 13 "the other CA" "$tool" verify contract.txt contract.txt.p7s --ca auth-ca.pem
sed s/two/six/ contract.txt >other.txt
exits 13 "another file" "$tool" verify other.txt contract.txt.p7s --ca sign-ca.pem
expect "verify says that another content was signed" "$said" "another content was signed"
rm -f content.txt
python3 - <<'P'
b = bytearray(open("attached.der", "rb").read())
at = b.index(b"A contract")
b[at] ^= 1
open("forged.der", "wb").write(b)
b = open("contract.txt.p7s", "rb").read()
open("short.p7s", "wb").write(b[:-40])
open("huge.p7s", "wb").write(bytes.fromhex("30887fffffffffffffff06092a864886f70d010702a0887fffffffffffff00"))
P
exits 13 "changed attached content" "$tool" verify forged.der --ca sign-ca.pem --output content.txt
check "changed content is not written" test ! -e content.txt
for bad in short.p7s huge.p7s contract.txt sign-ca.pem /dev/null; do
  status=13
  [ "$bad" != /dev/null ] || status=14
  exits $status "not a CMS signature: $bad" "$tool" verify contract.txt "$bad" --ca sign-ca.pem
done
: >empty
exits 13 "an empty signature" "$tool" verify contract.txt empty --ca sign-ca.pem
exits 13 "detached, given alone" "$tool" verify contract.txt.p7s --ca sign-ca.pem
exits 13 "attached, given with its file" "$tool" verify contract.txt attached.der --ca sign-ca.pem
exits 14 "no such file" "$tool" verify absent.txt contract.txt.p7s --ca sign-ca.pem
exits 14 "a FIFO" "$tool" verify fifo contract.txt.p7s --ca sign-ca.pem
exits 14 "a CA file without certificates" "$tool" verify contract.txt contract.txt.p7s --ca contract.txt
exits 14 "a full device as standard output" bash -c '"$1" verify contract.txt contract.txt.p7s --ca sign-ca.pem >/dev/full' - "$tool"
document=$("$tool" --json verify contract.txt contract.txt.p7s --ca sign-ca.pem)
check "the document says valid" test "$(json 'd["result"]["valid"], d["result"]["revocation"]' <<<"$document")" = "(True, 'not-checked')"
japanese "$tool" verify contract.txt contract.txt.p7s --ca sign-ca.pem >ja.txt
expect "in Japanese" "$(cat ja.txt)" "署名は有効です"

# ---- CMS of other programs ----
openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -subj /CN=other -days 30 -addext keyUsage=digitalSignature,keyCertSign 2>/dev/null
openssl_signs() { openssl cms -sign -binary -md sha256 -in contract.txt -signer other.pem -inkey other.key "$@"; }
openssl_signs -outform der -out o1 && openssl_signs -outform pem -out o2 && openssl_signs -noattr -outform der -out o3 &&
  openssl_signs -keyopt rsa_padding_mode:pss -outform der -out o4 && openssl_signs -cades -keyid -outform pem -out o5 || fail "openssl does not sign"
for cms in o1 o2 o3 o4 o5; do
  exits 0 "detached by openssl ($cms)" "$tool" verify contract.txt "$cms" --ca other.pem
  exits 13 "another file" "$tool" verify other.txt "$cms" --ca other.pem
done
openssl_signs -nodetach -outform der -out o6 && openssl_signs -nodetach -stream -outform pem -out o7 || fail "openssl does not sign"
for cms in o6 o7; do exits 0 "attached by openssl ($cms)" "$tool" verify "$cms" --ca other.pem; done
openssl req -x509 -newkey rsa:2048 -nodes -keyout second.key -out second.pem -subj /CN=second -days 30 2>/dev/null
openssl cms -resign -binary -inform der -in o6 -signer second.pem -inkey second.key -outform der -out two || fail "no second signer"
cat other.pem second.pem >both.pem
exits 0 "two signers" "$tool" verify two --ca both.pem
expect "verify checks both signers" "$said" "Signer 2"
exits 13 "two signers, one not trusted" "$tool" verify two --ca other.pem
openssl_signs -md sha1 -outform der -out weak 2>/dev/null
exits 13 "SHA-1" "$tool" verify contract.txt weak --ca other.pem

# ---- large files ----
truncate -s 300M large.bin
peak() { /usr/bin/python3 -c 'import resource, subprocess, sys
s = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL, pass_fds=(7,) if "--pin-fd" in sys.argv else ()).returncode
m = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(m, "KiB")
sys.exit(s if s else 0 if m < int(sys.argv[1]) else 99)' "$@"; }
exits 0 "300 MiB attached in less than 64 MiB of memory" with_pins "1234\n" peak 65536 "$tool" sign large.bin --auth --attached --yes
say "$said"
exits 0 "verify 300 MiB in less than 64 MiB of memory" peak 65536 "$tool" verify large.bin.p7m --ca auth-ca.pem --output large.out
check "verify writes the same content" cmp large.bin large.out
check "openssl verifies 300 MiB attached" openssl_verifies auth-ca.pem der large.bin.p7m
exits 0 "detached" with_pins "1234\n" peak 65536 "$tool" sign large.bin --auth --yes
exits 0 "detached verified" peak 65536 "$tool" verify large.bin large.bin.p7s --ca auth-ca.pem
if [[ $said == *Reading* ]]; then fail "progress without a terminal"; fi
rm -f large.*

# ---- git ----
git init -q repo
cat >git-program <<P
#!/bin/sh
case \$* in *--verify*) exec "${tool%/*}/jpki-tool-git" --ca "$work/auth-ca.pem" "\$@" ;; esac
exec "${tool%/*}/jpki-tool-git" --pin-fd 7 "\$@" 7<"$work/pin"
P
chmod +x git-program
echo 1234 >pin
g() { git -C repo -c user.name=Test -c user.email=test@example.org -c gpg.format=x509 -c gpg.x509.program="$work/git-program" "$@"; }
check "git signs a commit" g commit -q -S --allow-empty -m signed
check "git verifies the commit" g verify-commit HEAD
expect "git reports a good signature" "$(g log -1 --format=%G? 2>/dev/null)" "^G$"
check "the certificate in it is that for user authentication" bash -c 'git -C repo cat-file commit HEAD | sed -n "/^gpgsig/,/END/p" | sed "s/^gpgsig //; s/^ //; s/SIGNED MESSAGE/PKCS7/" | openssl pkcs7 -print_certs | grep -q "JPKI for user authentication"'
git -C repo cat-file commit HEAD | sed 's/^signed$/forged/' >forged-commit
forged=$(git -C repo hash-object -t commit -w ../forged-commit)
if g verify-commit "$forged" 2>/dev/null; then fail "git accepts a forged commit"; fi
say "ok: git rejects a forged commit"

# ---- a user at a terminal, signals ----
# answered ANSWER STATUS: answers the question on a terminal.
cat >on-terminal.py <<'P'
import os, pty, sys
answer, tool, seen, agreed = sys.argv[1], sys.argv[2], b"", False
read, write = os.pipe()
os.write(write, b"1234\n")
os.set_inheritable(read, True)
pid, master = pty.fork()
if pid == 0:
    os.execv(tool, [tool, "sign", "large.bin", "--auth", "--output", "answered.p7s", "--pin-fd", str(read)])
while True:
    try:
        data = os.read(master, 4096)
    except OSError:
        break
    if not data:
        break
    seen += data
    if b"(yes/no)" in seen and not agreed:
        agreed = True
        os.write(master, answer.encode() + b"\n")
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
P
truncate -s 1G large.bin
exits 17 "answer no" python3 on-terminal.py no "$tool"
check "answer no writes no file" test ! -e answered.p7s
exits 0 "answer yes" python3 on-terminal.py yes "$tool"
expect "progress on a terminal" "$said" "Reading large.bin ... [0-9]+ %"
exits 0 "verifies" "$tool" verify large.bin answered.p7s --ca auth-ca.pem
truncate -s 200G large.bin
"$tool" sign large.bin --auth --yes --output ended.p7s --pin-fd 7 7< <(echo 1234) 2>/dev/null &
until_true 20 bash -c 'ls ended.p7s.* >/dev/null 2>&1' || fail "signing does not begin"
kill -TERM $!
status=0
wait $! || status=$?
check "SIGTERM: exit status 143" test "$status" = 143
check "SIGTERM leaves no file" bash -c '! ls ended.p7s* 2>/dev/null'
rm -f large.*

# ---- the card ----
# Removed before one command after another, from the first to the signature.
for at in 0 2 5 9 14 20; do
  control fault card_gone "$at" >/dev/null
  status=0
  with_pins "ABC123\n" "$tool" sign contract.txt --yes --output none.p7s >/dev/null 2>said.txt || status=$?
  check "card removed at command $at: exit status 5 (got $status)" test "$status" = 5
  check "card removed at command $at: the message names the card" grep -q "card" said.txt
  check "card removed at command $at: no file stays" bash -c '! ls none.p7s* 2>/dev/null'
  insert_card
done
exits 0 "right password after removals" with_pins "ABC123\n" "$tool" pin verify sign
expect "no try was lost by removals" "$said" "5 tries are left"
swap_card child
exits 12 "a card without the certificate" with_pins "ABC123\n" "$tool" sign contract.txt --yes --output none.p7s
swap_card phone
exits 0 "a phone, whose authentication certificate needs the PIN" with_pins "1234\n" "$tool" sign contract.txt --auth --yes --output phone.p7s
"$tool" cert auth-ca --pem --output phone-ca.pem 2>/dev/null
exits 0 "verifies" "$tool" verify contract.txt phone.p7s --ca phone-ca.pem
for _ in 1 2 3; do with_pins "9999\n" "$tool" pin verify auth --last-try >/dev/null 2>&1 || true; done
exits 8 "a blocked PIN" with_pins "1234\n" "$tool" sign contract.txt --auth --yes --output none.p7s
check "a blocked PIN writes no file" test ! -e none.p7s
stop_card
