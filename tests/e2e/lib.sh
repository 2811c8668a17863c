# Shared by the end-to-end tests; sourced, inside private-pcscd.
# By hand:  tests/e2e/private-pcscd tests/e2e/pkcs11-tool-sign.sh  (JPKI_BUILD_DIR sets the build directory; default: build)
# shellcheck shell=bash
# shellcheck disable=SC2034 # the tests use these variables
set -euo pipefail

if [ -z "${JPKI_RUN_DIR-}" ] || [ -z "${JPKI_VPCD_PORT-}" ]; then
  echo "run this through tests/e2e/private-pcscd" >&2
  exit 64
fi

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_dir=$(cd "$here/../.." && pwd)
build=$(realpath --canonicalize-missing "${JPKI_BUILD_DIR:-$source_dir/build}")
module=${JPKI_MODULE:-$build/module/jpki-pkcs11.so}
module_auth=${JPKI_MODULE_AUTH:-$build/module/jpki-pkcs11-auth.so}
module_sign=${JPKI_MODULE_SIGN:-$build/module/jpki-pkcs11-sign.so}
virtual_card=${JPKI_VIRTUAL_CARD:-$build/tools/virtual-card/jpki-virtual-card}

auth_token="JPKI user authentication"
sign_token="JPKI digital signature"
auth_uri="pkcs11:token=JPKI%20user%20authentication"
sign_uri="pkcs11:token=JPKI%20digital%20signature"
auth_id=01
sign_id=02
# The virtual card's default PINs.
auth_pin=1234
sign_pin=ABC123

# No settings of the user who runs this: another home, and none of the variables that the programs read.
work=$JPKI_RUN_DIR/work
mkdir -p "$work/home"
export HOME=$work/home XDG_CONFIG_HOME=$work/home/.config XDG_CACHE_HOME=$work/home/.cache
export LC_ALL=C
unset XDG_DATA_HOME OPENSSL_CONF OPENSC_CONF OPENSC_DRIVER PKCS11SPY GNUTLS_PIN GNUTLS_SO_PIN P11_KIT_STRICT P11_KIT_DEBUG \
  SSL_CERT_FILE SSL_CERT_DIR
# All servers are on this machine. npm alone fetches packages (lib-node.sh).
proxies=()
for name in {http,https,all,no}_proxy {HTTP,HTTPS,ALL,NO}_PROXY; do
  if [ -n "${!name-}" ]; then proxies+=("$name=${!name}"); fi
  unset "$name"
done
export JPKI_PKCS11_CONFIG=$work/settings.toml
: >"$JPKI_PKCS11_CONFIG"
# The module's log shows why a test failed; private-pcscd keeps the directory then.
export JPKI_PKCS11_LOG=${JPKI_PKCS11_LOG:-$JPKI_RUN_DIR/module.log}
cd "$work"

say() { printf '%s\n' "$*"; }
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}
# check DESCRIPTION COMMAND...: the command must succeed; prints its output if it fails.
check() {
  local description=$1 output status=0
  shift
  output=$("$@" 2>&1) || status=$?
  if [ "$status" != 0 ]; then
    printf '%s\n' "$output" >&2
    fail "$description (exit status $status: $*)"
  fi
  say "ok: $description"
}
# says DESCRIPTION WORDS COMMAND...: the command must succeed and print these words. Several tools exit with 0
# although something failed, so the words decide.
says() {
  local description=$1 words=$2 output status=0
  shift 2
  output=$("$@" 2>&1) || status=$?
  if [ "$status" != 0 ] || [[ $output != *"$words"* ]]; then
    printf '%s\n' "$output" >&2
    fail "$description (exit status $status, looked for: $words)"
  fi
  say "ok: $description"
}
# expect DESCRIPTION TEXT REGEX: a line of TEXT must match the extended regular expression.
expect() {
  if ! grep -Eq -e "$3" <<<"$2"; then
    printf '%s\n' "$2" >&2
    fail "$1 (looked for: $3)"
  fi
  say "ok: $1"
}
# refuse DESCRIPTION TEXT REGEX: no line of TEXT may match.
refuse() {
  if grep -Eq -e "$3" <<<"$2"; then
    printf '%s\n' "$2" >&2
    fail "$1 (found: $3)"
  fi
  say "ok: $1"
}
need() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || fail "$tool is not installed (tests/run installs what is needed)"
  done
}
# until_true SECONDS COMMAND...: polls; false after this time.
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    if ((SECONDS >= end)); then return 1; fi
    sleep 0.05
  done
}

# ---- the virtual card ----

card_pid='' card_socket=''
reader_shows() { # Yes or No, for the first reader
  opensc-tool --list-readers 2>/dev/null | grep -Eq "^0 +$1 .*Virtual PCD 00 00"
}
# start_card [OPTION...]: connects a virtual card to the first reader and waits until pcscd sees it. swap_card and insert_card
# need the option --control.
start_card() {
  [ -x "$virtual_card" ] || fail "no virtual card at $virtual_card: build first"
  local option previous=
  for option in "$@"; do
    if [ "$previous" = --control ]; then card_socket=$option; fi
    previous=$option
  done
  : >"$JPKI_RUN_DIR/card.log" # an earlier card's says ready
  # Its log has every command, PINs masked; private-pcscd keeps it if a test fails.
  "$virtual_card" --port "$JPKI_VPCD_PORT" --log "$JPKI_RUN_DIR/commands.log" "$@" >"$JPKI_RUN_DIR/card.log" 2>&1 </dev/null &
  card_pid=$!
  # It generates four RSA keys first, which takes long on a busy machine.
  until_true 240 card_is_ready || {
    cat "$JPKI_RUN_DIR/card.log" >&2
    fail "the virtual card did not print ready"
  }
  until_true 20 reader_shows Yes || fail "pcscd does not see the virtual card"
}
card_is_ready() {
  kill -0 "$card_pid" 2>/dev/null || {
    cat "$JPKI_RUN_DIR/card.log" >&2
    fail "the virtual card ended before it was ready"
  }
  grep -q ready "$JPKI_RUN_DIR/card.log"
}
stop_card() {
  [ -n "$card_pid" ] || return 0
  kill -TERM "$card_pid" 2>/dev/null || true
  wait "$card_pid" 2>/dev/null || true
  card_pid=
  until_true 20 reader_shows No || fail "pcscd still sees the virtual card"
}
# pcscd polls its readers every 400 ms, and later on a busy machine: after a removal it may report the old card as present until
# the next one is in. So each of these waits until pcscd has noticed the removal.
remove_card() {
  "$virtual_card" --ctl "$card_socket" leave >/dev/null || fail "cannot remove the card"
  until_true 20 reader_shows No || fail "pcscd still sees the card after its removal"
}
# insert_card: the card that was started, or swapped for, last; removes it first if it is in the reader.
insert_card() {
  remove_card
  "$virtual_card" --ctl "$card_socket" come >/dev/null || fail "cannot insert the card"
  until_true 20 reader_shows Yes || fail "pcscd does not see the inserted card"
}
# swap_card KIND [PERSON]: removes the card and inserts another one.
swap_card() {
  remove_card
  "$virtual_card" --ctl "$card_socket" swap "$@" >/dev/null || fail "cannot insert a card of the kind $*"
  until_true 20 reader_shows Yes || fail "pcscd does not see the card of the kind $*"
}
trap '[ -z "$card_pid" ] || kill -TERM "$card_pid" 2>/dev/null || true' EXIT

# ---- the module through pkcs11-tool; the other tests use the certificates that it reads ----

p11() { pkcs11-tool --module "$module" "$@"; }
# hex_ids: the IDs, in hexadecimal, in what pkcs11-tool -O prints. Up to 0.26 that is "ID: 11", from 0.27 on "ID: 17 (0x11)".
hex_ids() { sed -nE -e 's/^ *ID: +([0-9A-Fa-f]+)$/\1/p' -e 's/^ *ID: .*\(0x([0-9A-Fa-f]+)\)$/\1/p'; }

# object TYPE TOKEN ID FILE [LOGIN...]: reads an object's value from a token.
object() {
  local type=$1 token=$2 id=$3 file=$4
  shift 4
  p11 --token-label "$token" "$@" --read-object --type "$type" --id "$id" --output-file "$file" >"$file.log" 2>&1 ||
    { cat "$file.log" >&2; fail "cannot read the $type with id $id from the token '$token'"; }
}
# certificates: auth.pem, auth.pub, sign.pem, sign.pub in the working directory, from the tokens.
certificates() {
  object cert "$auth_token" "$auth_id" auth.der
  object cert "$sign_token" "$sign_id" sign.der --login --pin "$sign_pin"
  pem auth
  pem sign
}
pem() {
  openssl x509 -inform DER -in "$1.der" -out "$1.pem"
  openssl x509 -in "$1.pem" -noout -pubkey >"$1.pub"
}
# verified DESCRIPTION HASH PUBLIC_KEY SIGNATURE DATA [OPTION...]: openssl must print that the signature verifies.
verified() {
  local description=$1 hash=$2 key=$3 signature=$4 data=$5
  shift 5
  says "$description" "Verified OK" \
    openssl dgst "-$hash" "$@" -verify "$key" -signature "$signature" "$data"
}
pss=(-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -sigopt rsa_mgf1_md:sha256)
