#!/bin/sh
# Registers the module for user authentication in the NSS database that Chromium, Chrome and Edge share.
#
# Chromium 146 and later use ~/.pki/nssdb where that directory exists, and ${XDG_DATA_HOME:-~/.local/share}/pki/nssdb
# elsewhere. Creating ~/.pki/nssdb would hide the certificates of a browser that uses the new place, so this script never
# creates it. An older browser creates ~/.pki/nssdb itself: start it once before this script.
#
#   sh chromium-nssdb.sh             registers the module; running it again changes nothing
#   sh chromium-nssdb.sh --remove    removes it
set -eu

name="My Number Card"
library=@JPKI_PKCS11_FULL_DIR@/jpki-pkcs11-auth.so
database=$HOME/.pki/nssdb
if [ ! -d "$database" ]; then
  database=${XDG_DATA_HOME:-$HOME/.local/share}/pki/nssdb
fi
registered() { # prints the library, if the module is registered
  modutil -dbdir "sql:$database" -list "$name" 2>/dev/null | sed -n 's/^ *Library file: //p'
}
remove() {
  if [ -n "$(registered)" ]; then modutil -force -dbdir "sql:$database" -delete "$name"; fi
}
case ${1-} in
  "") ;;
  --remove)
    remove
    exit 0
    ;;
  *)
    echo "usage: chromium-nssdb.sh [--remove]" >&2
    exit 64
    ;;
esac

if [ ! -e "$database/cert9.db" ]; then
  mkdir -p "$database"
  # The password would protect private keys in the database itself, which has none.
  certutil -N --empty-password -d "sql:$database"
fi
if [ "$(registered)" = "$library" ]; then
  echo "Already registered in $database."
  exit 0
fi
remove # a registration with another path: a name can be registered once
modutil -force -dbdir "sql:$database" -add "$name" -libfile "$library"
