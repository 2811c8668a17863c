#!/bin/bash
# SSSD's p11_child, which does smart-card login: it takes the first token that p11-kit's modules report as present. It finds the card
# of a company (SoftHSM) beside our module, with any card in our reader and any order of the modules; and it logs in
# with our authentication token, on the card of a child too. No other part of SSSD runs.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need openssl pkcs11-tool softhsm2-util cmake
p11_child=/usr/libexec/sssd/p11_child
[ -x "$p11_child" ] || { say "SKIPPED: $p11_child is not installed (Debian: sssd-common, which testing does not have at times)"; exit 77; }
installed

# ---- the company's card ----
mkdir -p company/tokens
# p11_child skips slots that are not removable.
printf 'directories.tokendir = %s\nobjectstore.backend = file\nslots.removable = true\n' "$work/company/tokens" >company/softhsm2.conf
export SOFTHSM2_CONF=$work/company/softhsm2.conf
company_pin=4321
company_card() {
  softhsm2-util --init-token --free --label "Company card" --pin $company_pin --so-pin 87654321
  openssl req -x509 -newkey rsa:2048 -nodes -subj "/O=Company/CN=Company CA" -days 2 -keyout company/ca.key -out company/ca.pem
  openssl req -newkey rsa:2048 -nodes -subj /O=Company/CN=employee -keyout company/key.pem -out company/request.pem
  printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n' >company/extensions
  openssl x509 -req -in company/request.pem -CA company/ca.pem -CAkey company/ca.key -CAcreateserial -days 2 \
    -extfile company/extensions -out company/employee.pem
  openssl x509 -in company/employee.pem -outform DER -out company/employee.der
  softhsm2-util --import company/key.pem --token "Company card" --label employee --id 0A --pin $company_pin
  pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label "Company card" --login --pin $company_pin \
    --write-object company/employee.der --type cert --label employee --id 0A
}
company_card >company.log 2>&1 || { cat company.log >&2; fail "cannot make the company's card"; }

# ---- p11-kit's modules: ours as installed and the company's; OpenSC would use our card too, and others are not tested here ----
mkdir modules
cp /usr/share/p11-kit/modules/jpki-pkcs11{,-auth}.module modules/
printf 'module: %s\n' /usr/lib/softhsm/libsofthsm2.so >modules/softhsm2.module
mount --bind modules /usr/share/p11-kit/modules || fail "mount --bind"
# order as-installed|ours-first
order() {
  cp "$work"/root/usr/share/p11-kit/modules/jpki-pkcs11.module modules/
  [ "$1" = as-installed ] || { sed -i '/^priority:/d' modules/jpki-pkcs11.module; echo 'priority: 10' >>modules/jpki-pkcs11.module; }
}
with_company() { if [ "$1" = yes ]; then printf 'module: %s\n' /usr/lib/softhsm/libsofthsm2.so >modules/softhsm2.module; else rm -f modules/softhsm2.module; fi; }

# pre CA CERTIFICATE.der: p11_child's output for SSSD before a PIN: 0, then five lines for each certificate that CA has issued
# (and for the CA's own, which SSSD's rules skip): token, module, id, label, DER. $found is the first, or this certificate's.
pre() {
  local output
  # Its exit status is always 0.
  output=$("$p11_child" --pre --verify=no_ocsp --ca_db="$1" --logger=stderr -d 0x3ff0 2>pre.log) ||
    { cat pre.log >&2; return 1; }
  local lines at
  mapfile -t lines <<<"$output"
  [ "${lines[0]-}" = 0 ] || { cat pre.log >&2; return 1; }
  found=("${lines[@]:1:5}")
  for ((at = 1; at + 4 < ${#lines[@]}; at += 5)); do
    if cmp -s <(der_of "${lines[at + 4]}") "$2"; then found=("${lines[@]:at:5}"); fi
  done
}
der_of() { openssl base64 -d -A <<<"$1"; }
# auth CA PIN: with token, module, key and label found by pre. It signs random bytes and verifies them.
auth() {
  local output
  output=$(printf '%s' "$2" | "$p11_child" --auth --pin --verify=no_ocsp --ca_db="$1" --logger=stderr -d 0x3ff0 \
    --token_name="${found[0]}" --module_name="${found[1]}" --key_id="${found[2]}" --label="${found[3]}" 2>auth.log) ||
    { cat auth.log >&2; return 1; }
  mapfile -t answer <<<"$output"
  # On success the certificate follows the 0.
  if [ "${answer[0]-}" != 0 ] || [ "${answer[5]-}" != "${found[4]}" ]; then
    cat auth.log >&2
    return 1
  fi
}
# logs_in DESCRIPTION CA PIN TOKEN CERTIFICATE.der
logs_in() {
  pre "$2" "$5" || fail "$1: preauthentication"
  [ "${found[0]-}" = "$4" ] || { cat pre.log >&2; fail "$1: preauthentication found '${found[0]-no token}', expected '$4'"; }
  cmp -s <(der_of "${found[4]}") "$5" || fail "$1: preauthentication found another certificate"
  say "ok: $1: preauthentication finds $4"
  auth "$2" "$3" || fail "$1: authentication"
  say "ok: $1: authentication"
}
company_login() { logs_in "$1" company/ca.pem $company_pin "Company card" company/employee.der; }

order as-installed
company_login "nothing in our reader"
if auth company/ca.pem 1111 2>/dev/null; then fail "p11_child accepts any PIN: this test would prove nothing"; fi
start_card --control "$work/control"
the_ca
certificates
company_login "our card in our reader"
for kind in child child-empty no-authentication bare foreign storage-6300 storage-6f00 storage-6881; do
  swap_card "$kind"
  order as-installed
  company_login "$kind"
  if [[ $kind == foreign || $kind == storage-* ]]; then
    order ours-first
    company_login "$kind, our module first"
  fi
done

with_company no
for order in as-installed ours-first; do
  order $order
  for kind in adult child child-empty; do
    swap_card "$kind"
    logs_in "$kind, $order" auth-ca.pem "$auth_pin" "$auth_token" auth.der
    expect "$kind: no login stays open" "$(card_control status)" "auth-verified=no"
  done
done
[ "$(card_control tries auth) $(card_control tries sign)" = "3 5" ] || fail "a try was spent"
say "ok: no try was spent"
