# Shared by the tests of other programs, beyond lib.sh; sourced after it.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # variables of lib.sh, and variables for the tests

background=()
end_background() {
  local process
  for process in "${background[@]}"; do kill -TERM "$process" 2>/dev/null || true; done
  [ -z "$card_pid" ] || kill -TERM "$card_pid" 2>/dev/null || true
}
trap end_background EXIT

has_line() { grep -Eq -e "$2" "$1" 2>/dev/null; } # FILE REGEX
# wait_for DESCRIPTION FILE REGEX: until a line of the file matches; 20 seconds at most.
wait_for() {
  until_true 20 has_line "$2" "$3" || {
    cat "$2" >&2
    fail "$1 (waited for: $3)"
  }
}
# card_control COMMAND...: sends a command to a card that was started with --control "$work/control"
card_control() { "$virtual_card" --ctl "$work/control" "$@"; }
# person NUMBER: inserts this person's card, and puts its certificates into the directory NUMBER. The card was started with
# --control "$work/control" --pki "$work/pki".
person() {
  swap_card adult "$1"
  mkdir -p "$1"
  certificates
  the_ca
  cp auth.pem auth-ca.pem "$1"
}

# ---- a TLS server that requires a certificate issued by the CA on the card ----

# server_certificate: server.key and server.pem, self-signed, for localhost
server_certificate() {
  openssl req -x509 -newkey rsa:2048 -nodes -subj "/CN=localhost" -days 2 \
    -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" -addext "basicConstraints=critical,CA:FALSE" \
    -addext "extendedKeyUsage=serverAuth" -keyout server.key -out server.pem 2>server.log ||
    { cat server.log >&2; fail "cannot make the server's certificate"; }
}
# the_ca: reads auth-ca.pem from the token
the_ca() {
  local id
  id=$(p11 --token-label "$auth_token" -O --type cert 2>/dev/null | hex_ids | grep -vx "$auth_id" || true)
  object cert "$auth_token" "$id" auth-ca.der
  pem auth-ca
}
# the_sign_ca: reads sign-ca.pem from the token, where it is the only certificate before a login
the_sign_ca() {
  object cert "$sign_token" "$(p11 --token-label "$sign_token" -O --type cert 2>/dev/null | hex_ids)" sign-ca.der
  pem sign-ca
}
# tls_server VERSION: openssl s_server, which shows the certificate that it verified; sets $port. VERSION: 1.2 or 1.3
tls_server() {
  tls_version=$1
  openssl s_server -accept 127.0.0.1:0 -cert server.pem -key server.key -CAfile auth-ca.pem -no-CApath -no-CAstore \
    -Verify 1 -verify_return_error -www "-tls${1/./_}" >"server-$1.log" 2>&1 </dev/null &
  background+=("$!")
  wait_for "the TLS $1 server did not start" "server-$1.log" '^ACCEPT .*:[0-9]+'
  port=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' "server-$1.log" | head -n 1)
}
# stunnel_reaches_server OPENSSL_CONF: a page of the server through the tunnel of stunnel.conf, which listens at $work/tunnel
stunnel_reaches_server() {
  local page process
  rm -f tunnel
  OPENSSL_CONF=$1 stunnel stunnel.conf >stunnel.log 2>&1 </dev/null &
  process=$!
  background+=("$process")
  until_true 20 test -S tunnel || { cat stunnel.log >&2; fail "stunnel did not start"; }
  page=$(curl --silent --show-error --unix-socket tunnel http://localhost/ 2>&1) || { cat stunnel.log >&2; fail "curl: $page"; }
  verified_by_server "stunnel" "$page"
  kill -TERM "$process"
  wait "$process" || true
}
# verified_by_server DESCRIPTION PAGE: the page is the server's, and shows that it verified the card's certificate.
verified_by_server() {
  expect "$1: TLS $tls_version" "$2" "Protocol +: TLSv$tls_version"
  expect "$1: the server verified the certificate" "$2" "Verify return code: 0 \\(ok\\)"
  expect "$1: the certificate is the card's" "$2" "Subject:.*CN ?= ?$(holder auth.pem)"
}
holder() { openssl x509 -in "$1" -noout -subject -nameopt multiline | sed -n 's/^ *commonName *= //p'; }
# rejected_by_server DESCRIPTION COMMAND...: without a certificate there is no page: shows that the server checks.
rejected_by_server() {
  local description=$1
  shift
  refuse "$description" "$("$@" 2>&1)" "Verify return code: 0 \\(ok\\)"
}

# ---- libp11's engine for OpenSSL ----

# engine_configuration [MODULE]: engine.cnf
engine_configuration() {
  local engines
  # OpenSSL 4 has no engines; openssl-provider.sh tests the same with a provider.
  engines=$({ openssl version -e 2>/dev/null || true; } | sed -n 's/^ENGINESDIR: "\(.*\)"/\1/p')
  if [ -z "$engines" ]; then
    say "SKIPPED: this OpenSSL has no engines: $(openssl version)"
    exit 77
  fi
  [ -e "$engines/pkcs11.so" ] || fail "libp11's engine is not installed in $engines (Debian: libengine-pkcs11-openssl)"
  cat >engine.cnf <<CNF
openssl_conf = settings
[settings]
engines = engines
[engines]
pkcs11 = pkcs11
[pkcs11]
engine_id = pkcs11
dynamic_path = $engines/pkcs11.so
MODULE_PATH = ${1:-$module}
init = 0
CNF
}

# ---- pkcs11-provider ----

# provider_configuration [MODULE]: provider.cnf, or the test is skipped. Debian 12 has the provider in backports only.
provider_configuration() {
  local providers
  providers=$(openssl version -m | sed -n 's/^MODULESDIR: "\(.*\)"/\1/p')
  if [ ! -e "$providers/pkcs11.so" ]; then
    say "SKIPPED: pkcs11-provider is not installed (Debian 13, or bookworm-backports)"
    exit 77
  fi
  cat >provider.cnf <<CNF
openssl_conf = settings
[settings]
providers = providers
[providers]
default = default_provider
pkcs11 = pkcs11
[default_provider]
activate = 1
[pkcs11]
module = $providers/pkcs11.so
pkcs11-module-path = ${1:-$module}
activate = 1
[req]
distinguished_name = name
[name]
CNF
}

# ---- Authenticode signatures in Windows and EFI programs ----

# authenticode_verified FILE: openssl verifies it, and the signer is sign.pem; needs sign-ca.pem
authenticode_verified() {
  local verdict calculated offset header length
  verdict=$(osslsigncode verify -CAfile sign-ca.pem -in "$1" 2>&1 || true)
  expect "osslsigncode finds the signer" "$verdict" "CN=$(holder sign.pem)"
  calculated=$(sed -n 's/^Calculated message digest *: *//p' <<<"$verdict")
  expect "osslsigncode computes the same digest" "$verdict" "^Current message digest *: *${calculated:-none}\$"
  check "osslsigncode extracts the signature" osslsigncode extract-signature -pem -in "$1" -out signature.pem
  # The content is Microsoft's structure without its header: openssl has to hash it, but does not find it by itself.
  read -r offset header length < <(openssl asn1parse -in signature.pem | grep -A 2 -m 1 '1\.3\.6\.1\.4\.1\.311\.2\.1\.4$' |
    sed -n '3s/^ *\([0-9]*\):d=5 *hl=\([0-9]*\) *l= *\([0-9]*\) cons: SEQUENCE.*/\1 \2 \3/p')
  openssl pkcs7 -in signature.pem -outform DER -out signature.der
  dd if=signature.der of=content bs=1 skip=$((offset + header)) count="$length" status=none
  says "openssl verifies the signature" "Verification successful" openssl smime -verify -binary -noverify -inform DER \
    -in signature.der -content content -signer signer.pem -out /dev/null
  check "the signer is the certificate on the card" cmp signer.pem sign.pem
}

# ---- p11-kit ----

# installed: as after `cmake --install` to /, for this test only, so that p11-kit finds the module by its name.
installed() {
  if [ "$JPKI_ISOLATED" != 1 ]; then
    say "SKIPPED: this test mounts its installation, and mounting is not allowed here"
    exit 77
  fi
  check "cmake --install" env "DESTDIR=$work/root" cmake --install "$build"
  local directory name
  for directory in "$work"/root/*; do
    name=/${directory##*/}
    mount -t overlay -o "ro,lowerdir=$directory:$name" overlay "$name" ||
      fail "cannot lay the installed files over $name"
  done
}

# ---- NSS ----

# nss_database DIRECTORY MODULE: a database without a password that knows the module as "jpki"
nss_database() {
  mkdir -p "$1"
  certutil -N -d "sql:$1" --empty-password || fail "certutil -N"
  modutil -dbdir "sql:$1" -add jpki -libfile "$2" -force >"$1/modutil.log" 2>&1 || {
    cat "$1/modutil.log" >&2
    fail "modutil -add"
  }
}

# ---- PDF ----

# pdf_page FILE: a PDF with one empty page, half of an A4
pdf_page() {
  local offsets table
  cat >"$1" <<'PDF'
%PDF-1.7
1 0 obj
<< /Type /Catalog /Pages 2 0 R >>
endobj
2 0 obj
<< /Type /Pages /Kids [3 0 R] /Count 1 >>
endobj
3 0 obj
<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 420] >>
endobj
PDF
  # The cross-reference table has the offset of each object.
  offsets=$(grep -abo '^[0-9] 0 obj' "$1" | cut -d : -f 1)
  table=$(stat -c %s "$1")
  {
    printf 'xref\n0 4\n0000000000 65535 f \n'
    # shellcheck disable=SC2086 # one line for each
    printf '%010d 00000 n \n' $offsets
    printf 'trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n%s\n%%%%EOF\n' "$table"
  } >>"$1"
}
