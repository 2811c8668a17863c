#!/bin/bash
# As exit-locks-card.sh, with Node and its package pkcs11js: a JavaScript program that ends without C_Finalize. Node has its own
# OpenSSL. The package comes from npm's registry, once for each build directory; without the registry this test is skipped.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
. "$here/lib-processes.sh"
. "$here/lib-card-locked.sh"
need openssl pkcs11-tool
skip() {
  say "SKIPPED: $* (needed: node, npm, its headers, make and g++; on Debian nodejs, npm, libnode-dev, make, g++)"
  exit 77
}
for program in node npm; do
  command -v $program >/dev/null || skip "$program is not installed"
done
packages=${JPKI_NODE_DIRECTORY:-$build/tests/e2e/node}
if [ ! -e "$packages/node_modules/pkcs11js/package.json" ]; then
  mkdir -p "$packages"
  cp "$here"/node/package.json "$here"/node/package-lock.json "$packages/"
  # The headers of the installed Node; npm would download them.
  (cd "$packages" && timeout 200 npm ci --no-audit --no-fund --nodedir="$(dirname "$(dirname "$(realpath "$(command -v node)")")")") \
    >npm.log 2>&1 || { cat npm.log; rm -rf "$packages/node_modules"; skip "npm's registry cannot be reached, or pkcs11js cannot be built"; }
fi
export NODE_PATH=$packages/node_modules
node -e 'require("pkcs11js")' || fail "Node cannot load pkcs11js from $packages"

start_card --control "$work/card.sock"
certificates
printf 'To be signed.\n' >data
another_process_is_connected
unlocked_card_is_noticed
told reset-counts >/dev/null
for role in sign auth; do
  slot=0 pin=$auth_pin
  if [ "$role" = sign ]; then slot=1 pin=$sign_pin; fi
  for end in "the last line" process.exit; do
    rm -f signature
    says "$role: Node signs" "signed by Node" node "$here/node/sign.js" "$module" $slot "$pin" "$end"
    verified "$role: openssl verifies the signature" sha256 "$role.pub" signature data
    card_is_locked_after "Node, ended by $end" "$role"
  done
done
[ "$(told tries auth) $(told tries sign)" = "3 5" ] || fail "a try was spent"
say "ok: no try was spent"
