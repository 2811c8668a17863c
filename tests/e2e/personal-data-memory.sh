#!/bin/bash
# No name and no address of the signature certificate stays in the memory of a process that uses the module: neither if the
# process reads the certificate, nor if the module reads it only to check a signature. The card is another process.
. "$(dirname "$0")/lib.sh"
scan=${JPKI_PERSONAL_DATA_SCAN:-$build/tests/e2e/jpki-personal-data-scan}
[ -x "$scan" ] || fail "no $scan: build first"

start_card
export JPKI_PKCS11_LOG_LEVEL=debug
"$scan" "$module" signs
"$scan" "$module" asks
refuse "no personal data is in the module's log" "$(cat "$JPKI_PKCS11_LOG")" "試験|花子|東京都|見本市"
