#!/bin/bash
# osslsigncode without engines: signs a Windows program with the signature key through pkcs11-provider; openssl verifies the signature.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need osslsigncode openssl pkcs11-tool python3
[[ $(osslsigncode sign --help 2>&1) == *-provider* ]] || {
  say "SKIPPED: this osslsigncode has no option -provider: $(osslsigncode --version | head -n 1)"
  exit 77
}
provider_configuration

start_card
certificates
the_sign_ca
python3 "$here/pe-program.py" program.exe

says "osslsigncode sign" "Succeeded" env OPENSSL_CONF="$work/provider.cnf" osslsigncode sign -provider pkcs11 -h sha256 \
  -certs sign.pem -key "$sign_uri;id=%$sign_id;type=private?pin-value=$sign_pin" -in program.exe -out signed.exe

authenticode_verified signed.exe
