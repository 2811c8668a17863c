#!/bin/bash
# Node's graphene, which is built on pkcs11js: PKCS#1 and PSS with both keys, and a wrong PIN. openssl verifies.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
. "$here/lib-node.sh"
need openssl pkcs11-tool
node_packages

start_card --control "$work/control"
certificates
printf 'To be signed.\n' >data
sign() { node "$here/node/graphene.js" "$module_auth" "$auth_token" "$1"; }
for role in auth sign; do
  with=$module_auth token=$auth_token pin=$auth_pin
  if [ "$role" = sign ]; then with=$module_sign token=$sign_token pin=$sign_pin; fi
  rm -f ./*.sig
  card_control reset-counts >/dev/null
  says "$role: graphene signs" "signed with the key of" node "$here/node/graphene.js" "$with" "$token" "$pin"
  say "counted: $role: $(card_control counts)"
  verified "$role: openssl verifies PKCS#1" sha256 "$role.pub" pkcs1.sig data
  verified "$role: openssl verifies PSS" sha256 "$role.pub" pss.sig data "${pss[@]}"
done
expect "a wrong PIN is named as the standard names it" "$(sign 9999 || true)" "^error: CKR_PIN_INCORRECT"
expect "and costs one try" "$(card_control tries auth)" '^2$'
says "the right one signs" "signed with the key of" sign "$auth_pin"
expect "the right PIN resets the retry counter" "$(card_control tries auth)" '^3$'
