#!/bin/bash
# As exit-locks-card.sh, with Node and its package pkcs11js: a JavaScript program that ends without C_Finalize. Node has its own
# OpenSSL. The package comes from npm's registry, once for each build directory; without the registry this test is skipped.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
. "$here/lib-processes.sh"
. "$here/lib-card-locked.sh"
. "$here/lib-node.sh"
need openssl pkcs11-tool
node_packages

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
