#!/bin/bash
# Programs that end without C_Finalize, C_Logout or C_CloseAllSessions (libp11's engine in openssl, curl and osslsigncode; Java's
# SunPKCS11) while another program stays connected to the card, so that pcscd does not power it off: after their end a third process,
# which has no PIN, gets no signature. (Node: exit-locks-card-node.sh.)
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
. "$here/lib-processes.sh"
. "$here/lib-card-locked.sh"
need openssl curl osslsigncode keytool jarsigner pkcs11-tool python3
[[ $(curl --version) == *OpenSSL* ]] || { say "SKIPPED: this curl is not built with OpenSSL"; exit 77; }
end_all() { end_background; end_processes; }
trap end_all EXIT

start_card --control "$work/card.sock"
certificates
the_ca
server_certificate
engine_configuration
printf 'To be signed.\n' >data
sign_key="$sign_uri;id=%$sign_id;type=private;pin-value=$sign_pin"
auth_key="$auth_uri;id=%$auth_id;type=private;pin-value=$auth_pin"
another_process_is_connected
unlocked_card_is_noticed
told reset-counts >/dev/null

check "openssl cms signs" env OPENSSL_CONF="$work/engine.cnf" openssl cms -sign -binary -nodetach -md sha256 -engine pkcs11 \
  -keyform engine -inkey "$sign_key" -signer sign.pem -in data -outform DER -out message.cms
card_is_locked_after "openssl cms" sign
check "openssl dgst signs" env OPENSSL_CONF="$work/engine.cnf" openssl dgst -sha256 -engine pkcs11 -keyform engine \
  -sign "$auth_key" -out signature data
card_is_locked_after "openssl dgst" auth

# With the engine as OpenSSL's default the libraries are finalised in another order.
sed 's/^init = 0/init = 1\ndefault_algorithms = ALL/' engine.cnf >default-engine.cnf
check "openssl cms signs with the engine as OpenSSL's default" env OPENSSL_CONF="$work/default-engine.cnf" openssl cms -sign \
  -binary -nodetach -md sha256 -engine pkcs11 -keyform engine -inkey "$sign_key" -signer sign.pem -in data -outform DER -out message.cms
card_is_locked_after "openssl cms, default engine" sign

for version in 1.2 1.3; do
  tls_server "$version"
  page=$(OPENSSL_CONF=$work/engine.cnf curl --silent --show-error --cacert server.pem --cert auth.pem \
    --engine pkcs11 --key-type ENG --key "$auth_key" "https://localhost:$port/" 2>&1) || fail "curl: $page"
  verified_by_server "curl" "$page"
  card_is_locked_after "curl, TLS $version" auth
done

python3 "$here/pe-program.py" program.exe
says "osslsigncode signs" "Succeeded" osslsigncode sign -pkcs11module "$module" -h sha256 -certs sign.pem -key "$sign_key" \
  -in program.exe -out signed.exe
card_is_locked_after "osslsigncode" sign

export JAVA_TOOL_OPTIONS="-Duser.home=$work/home -XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
printf 'name = jpki\nlibrary = %s\nslotListIndex = 0\n' "$module" >auth.cfg
printf 'name = jpki\nlibrary = %s\nslotListIndex = 1\n' "$module" >sign.cfg
python3 -c 'import zipfile; zipfile.ZipFile("program.jar", "w").writestr("data", "To be signed.\n")'
java_store=(-keystore NONE -storetype PKCS11 -providerClass sun.security.pkcs11.SunPKCS11 -providerArg)
says "jarsigner signs" "jar signed" jarsigner "${java_store[@]}" sign.cfg -storepass "$sign_pin" -signedjar signed.jar \
  program.jar "Digital Signature Certificate"
card_is_locked_after "jarsigner" sign
says "jarsigner signs with the authentication key" "jar signed" jarsigner "${java_store[@]}" auth.cfg -storepass "$auth_pin" \
  -signedjar signed.jar program.jar "User Authentication Certificate"
card_is_locked_after "jarsigner with the authentication key" auth
# keytool logs in and signs nothing.
says "keytool makes a certificate request" "BEGIN NEW CERTIFICATE REQUEST" keytool -certreq "${java_store[@]}" sign.cfg \
  -storepass "$sign_pin" -alias "Digital Signature Certificate"
card_is_locked_after "keytool" sign
[ "$(told tries auth) $(told tries sign)" = "3 5" ] || fail "a try was spent"
say "ok: no try was spent"
