#!/bin/sh
# Registers the module for user authentication in the NSS database that Chromium, Chrome and Edge share.
# To undo it: modutil -force -dbdir "sql:$HOME/.pki/nssdb" -delete "My Number Card"
set -eu

database=$HOME/.pki/nssdb
if [ ! -e "$database/cert9.db" ]; then
  mkdir -p "$database"
  # The password protects private keys in the database itself, of which there are none.
  certutil -N --empty-password -d "sql:$database"
fi
modutil -force -dbdir "sql:$database" -add "My Number Card" -libfile @JPKI_PKCS11_FULL_DIR@/jpki-pkcs11-auth.so
