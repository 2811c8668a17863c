#!/bin/bash
# gpgsm signs through gnupg-pkcs11-scd with the authentication key; gpgsm and openssl verify the CMS message. GnuPG 2.2.40 puts a byte 00
# before a signature whose first bit is 1 (half of them), and openssl rejects those: the test signs until one has no such byte.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need openssl pkcs11-tool
for program in gpgsm gpg-agent gnupg-pkcs11-scd; do
  command -v $program >/dev/null || { say "SKIPPED: $program is not installed (Debian: gpgsm, gpg-agent, gnupg-pkcs11-scd)"; exit 77; }
done

start_card --control "$work/control"
certificates
the_ca
printf 'To be signed.\n' >data

export GNUPGHOME=$work/gnupg
mkdir -m 700 gnupg
cat >pinentry <<ASK
#!/bin/sh
echo "OK ready"
while read -r command rest; do
  case \$command in
    GETPIN) echo "D $auth_pin"; echo OK ;;
    BYE) echo OK; exit ;;
    *) echo OK ;;
  esac
done
ASK
chmod +x pinentry
cat >gnupg/gpg-agent.conf <<CONF
scdaemon-program $(command -v gnupg-pkcs11-scd)
pinentry-program $work/pinentry
CONF
cat >gnupg/gnupg-pkcs11-scd.conf <<CONF
providers jpki
provider-jpki-library $module_auth
CONF
# There is no CRL that a holder could get, and GnuPG does not know the card's policy.
printf 'disable-crl-checks\ndisable-policy-checks\n' >gnupg/gpgsm.conf
openssl x509 -in auth-ca.pem -noout -fingerprint -sha1 | sed 's/.*=//; s/$/ S/' >gnupg/trustlist.txt
check "gpgsm --import: the CA" gpgsm --import auth-ca.pem
check "gpgsm --import: the card's certificate" gpgsm --import auth.pem
check "gpgsm --learn-card" gpgsm --learn-card
fingerprint=$(openssl x509 -in auth.pem -noout -fingerprint -sha1 | sed 's/.*=//; s/://g')
expect "gpgsm finds the key on the card" "$(gpgsm --list-secret-keys --with-colons 2>/dev/null)" "^fp.:.*:$fingerprint:"

card_control reset-counts >/dev/null
verified_by_openssl() {
  openssl cms -verify -binary -inform DER -in data.p7s -content data -CAfile auth-ca.pem -purpose any -signer signer.pem \
    -out /dev/null 2>openssl.log
}
# In BER as gpgsm writes it: the last OCTET STRING is the signature, exactly 256 bytes long.
signature_begins() { openssl asn1parse -inform DER -in data.p7s | grep 'OCTET STRING' | tail -n 1 | sed 's/.*DUMP\]://' | cut -c 1-2; }
good=0
for attempt in {1..20}; do
  gpgsm --yes --output data.p7s --local-user "0x$fingerprint" --detach-sign data >sign.log 2>&1 || { cat sign.log >&2; fail "gpgsm signs"; }
  # gpgsm prints its messages to standard error.
  said=$(gpgsm --verify data.p7s data 2>&1) || { printf '%s\n' "$said" >&2; fail "gpgsm --verify"; }
  [[ $said == *"Good signature from"*"$(holder auth.pem)"* ]] || { printf '%s\n' "$said" >&2; fail "gpgsm --verify"; }
  if verified_by_openssl; then good=1; break; fi
  # GnuPG has no other fault.
  expect "attempt $attempt: openssl refuses the length only" "$(cat openssl.log)" "wrong signature length"
  [ "$(signature_begins)" = 00 ] || fail "a signature that openssl refuses begins with $(signature_begins)"
  sleep 1.1 # the time is signed too, in seconds
done
say "ok: gpgsm signs, and verifies its signature"
[ "$good" = 1 ] || fail "openssl verified none of 20 signatures"
say "ok: openssl verifies a signature without the extra byte (attempt $attempt)"
check "the signer is the certificate on the card" cmp signer.pem auth.pem
say "counted: $(card_control counts)"
refuse "gpgsm rejects changed data" "$(echo x >>data; gpgsm --verify data.p7s data 2>&1 || true)" "Good signature"
[ "$(card_control tries auth) $(card_control tries sign)" = "3 5" ] || fail "a try was spent"
gpgconf --kill all
