#!/bin/bash
# osslsigncode signs a Windows program with the signature key through libp11's engine; openssl verifies the signature.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need osslsigncode openssl pkcs11-tool python3

start_card
certificates
the_sign_ca

python3 "$here/pe-program.py" program.exe

# Without -pkcs11engine it finds the engine by its name; Debian 12's osslsigncode takes a path instead.
says "osslsigncode sign" "Succeeded" osslsigncode sign -pkcs11module "$module" -h sha256 \
  -certs sign.pem -key "$sign_uri;id=%$sign_id;type=private;pin-value=$sign_pin" -in program.exe -out signed.exe

authenticode_verified signed.exe
