#!/bin/bash
# The card in another machine's reader: `p11-kit server` there, p11-kit-client.so here, a socket between them (in practice
# forwarded by ssh). Both keys sign, and the server chooses the tokens behind the socket.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need pkcs11-tool p11-kit openssl
client=$(pkg-config --variable=p11_module_path p11-kit-1)/p11-kit-client.so
[ -e "$client" ] || fail "$client is not installed (Debian: p11-kit-modules)"

start_card
certificates
printf 'To be signed.\n' >data
openssl dgst -sha256 -binary data >data.hash

serve() { # URI...: offers these tokens on the socket $work/card
  rm -f card
  p11-kit server --foreground --name "$work/card" --provider "$module" "$@" >server.log 2>&1 </dev/null &
  background+=("$!")
  until_true 20 test -S card || { cat server.log >&2; fail "p11-kit server did not start"; }
}
remote() { P11_KIT_SERVER_ADDRESS=unix:path=$work/card pkcs11-tool --module "$client" "$@"; }

serve "$auth_uri" "$sign_uri"
for role in auth sign; do
  token=$auth_token pin=$auth_pin id=$auth_id
  if [ "$role" = sign ]; then token=$sign_token pin=$sign_pin id=$sign_id; fi
  check "$role: signs through the socket" remote --token-label "$token" --login --pin "$pin" \
    --id "$id" --sign --mechanism SHA256-RSA-PKCS --input-file data --output-file signature
  verified "$role: openssl verifies the signature" sha256 "$role.pub" signature data
  # p11-kit 0.24 transports the parameters of this PSS mechanism only, and rejects those with a hash.
  check "$role: signs with PSS" remote --token-label "$token" --login --pin "$pin" --id "$id" --sign --mechanism \
    RSA-PKCS-PSS --hash-algorithm SHA256 --mgf MGF1-SHA256 --salt-len 32 --input-file data.hash --output-file signature
  verified "$role: openssl verifies the signature" sha256 "$role.pub" signature data "${pss[@]}"
done

serve "$auth_uri"
slots=$(remote -L 2>&1)
expect "the offered token is listed" "$slots" "token label *: $auth_token\$"
refuse "no other token is listed" "$slots" "$sign_token"
