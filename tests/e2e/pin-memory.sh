#!/bin/bash
# No PIN stays in the memory of a process that uses the module. The card is another process, so that its copy is not found.
. "$(dirname "$0")/lib.sh"
scan=${JPKI_MEMORY_SCAN:-$build/tests/e2e/jpki-memory-scan}
[ -x "$scan" ] || fail "no $scan: build first"

start_card --password ZQXJ7WVK93PFTYB4
export JPKI_PKCS11_LOG_LEVEL=debug
"$scan" "$module"
refuse "no password is in the module's log" "$(cat "$JPKI_PKCS11_LOG")" "ZQXJ7WVK|93PFTYB4|KW5VQZ8X|J2HGPNR6|XH4NWZQ7|KVJ9TBD3"
expect "the module's log has the commands' headers" "$(cat "$JPKI_PKCS11_LOG")" "0020 009B|00 20 00 9B"
