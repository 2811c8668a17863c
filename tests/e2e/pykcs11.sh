#!/bin/bash
# Python's PyKCS11 lists, logs in and signs with both keys.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need openssl pkcs11-tool
# Debian's package is for Debian's python3; another one may come first in PATH.
/usr/bin/python3 -c 'import PyKCS11' 2>/dev/null || fail "PyKCS11 is not installed (Debian: python3-pykcs11)"

start_card
certificates
printf 'To be signed.\n' >data

cat >sign.py <<'PYTHON'
import sys
from PyKCS11 import *

library, token, pin = sys.argv[1:]
pkcs11 = PyKCS11Lib()
pkcs11.load(library)
slot = next(slot for slot in pkcs11.getSlotList(tokenPresent=True) if pkcs11.getTokenInfo(slot).label.strip() == token)
session = pkcs11.openSession(slot)
session.login(pin)
key = session.findObjects([(CKA_CLASS, CKO_PRIVATE_KEY)])[0]
with open("data", "rb") as data, open("signature", "wb") as signature:
    signature.write(bytes(session.sign(key, data.read(), Mechanism(CKM_SHA256_RSA_PKCS))))
session.logout()
session.closeSession()
PYTHON
for role in auth sign; do
  token=$auth_token pin=$auth_pin
  if [ "$role" = sign ]; then token=$sign_token pin=$sign_pin; fi
  rm -f signature
  check "$role: signs" /usr/bin/python3 sign.py "$module" "$token" "$pin"
  verified "$role: openssl verifies the signature" sha256 "$role.pub" signature data
done
