#!/bin/bash
# A host whose openssl.cnf has libp11's engine with default_algorithms = ALL: the module's keys and hashes do not use the engine, so
# C_Finalize works after OPENSSL_cleanup. The engine uses another module, which is loaded into the same process.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
engine_configuration # skips where OpenSSL has no engines, for which the host is not built either
host=${JPKI_DEFAULT_ENGINE_HOST:-$build/tests/e2e/jpki-default-engine-host}
[ -x "$host" ] || fail "no $host: build first"

start_card
sed -i "s|^MODULE_PATH.*|MODULE_PATH = $module_auth|; s|^init.*|default_algorithms = ALL\ninit = 1|" engine.cnf
grep -q "^default_algorithms = ALL" engine.cnf || fail "engine.cnf has no default_algorithms = ALL"
says "the host ends without a crash" "ok: C_Finalize after OPENSSL_cleanup" env OPENSSL_CONF="$work/engine.cnf" "$host" "$module"
