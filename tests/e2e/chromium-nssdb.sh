#!/bin/bash
# conf/examples/chromium-nssdb.sh uses the database that Chromium will use: ~/.pki/nssdb where it exists, else the one under
# XDG_DATA_HOME, as Chromium 146 and later do. It never creates ~/.pki. (chromium.sh: a browser uses that database.)
. "$(dirname "$0")/lib.sh"
need certutil modutil

sed "s|@JPKI_PKCS11_FULL_DIR@|${module_auth%/*}|" "$source_dir/conf/examples/chromium-nssdb.sh" >example.sh
libraries() { modutil -dbdir "sql:$1" -list 2>/dev/null | sed -n 's/^.*library name: \(.*jpki.*\)$/\1/p'; }
# registered_in DESCRIPTION DIRECTORY: the module for browsers is in that database, once.
registered_in() {
  check "$1: registered in ${2#"$work"/}" test "$(libraries "$2")" = "$module_auth"
}
# example HOME [OPTION]: runs as that user, without XDG_DATA_HOME unless data_home is set
example() {
  local home=$1
  shift
  if [ -n "${data_home-}" ]; then
    env HOME="$home" XDG_DATA_HOME="$data_home" sh example.sh "$@"
  else
    env -u XDG_DATA_HOME HOME="$home" sh example.sh "$@"
  fi
}

# ---- no database yet ----
mkdir new
check "without any database" example "$work/new"
registered_in "without any database" "$work/new/.local/share/pki/nssdb"
check "~/.pki is not created" test ! -e "$work/new/.pki"
says "a second run finds it registered" "Already registered" example "$work/new"
registered_in "after a second run" "$work/new/.local/share/pki/nssdb"

mkdir elsewhere
data_home=$work/elsewhere/data
check "with XDG_DATA_HOME" example "$work/elsewhere"
registered_in "with XDG_DATA_HOME" "$work/elsewhere/data/pki/nssdb"
check "with XDG_DATA_HOME ~/.pki is not created" test ! -e "$work/elsewhere/.pki"
check "with XDG_DATA_HOME ~/.local is not created" test ! -e "$work/elsewhere/.local"
data_home=

# ---- ~/.pki/nssdb exists ----
mkdir -p old/.pki/nssdb
certutil -N --empty-password -d "sql:$work/old/.pki/nssdb"
check "with ~/.pki/nssdb" example "$work/old"
registered_in "with ~/.pki/nssdb" "$work/old/.pki/nssdb"
check "with ~/.pki/nssdb nothing is created in the new place" test ! -e "$work/old/.local"

# Chromium checks for the directory, not for its contents.
mkdir -p empty/.pki/nssdb
check "with an empty ~/.pki/nssdb" example "$work/empty"
registered_in "with an empty ~/.pki/nssdb" "$work/empty/.pki/nssdb"
check "with an empty ~/.pki/nssdb nothing is created in the new place" test ! -e "$work/empty/.local"

# ---- both exist: Chromium takes the old one ----
mkdir -p both/.pki/nssdb both/.local/share/pki/nssdb
certutil -N --empty-password -d "sql:$work/both/.local/share/pki/nssdb"
check "with both" example "$work/both"
registered_in "with both" "$work/both/.pki/nssdb"
check "with both, the new one is not changed" test -z "$(libraries "$work/both/.local/share/pki/nssdb")"

# ---- another path under the same name, as after a move of the module; and removal ----
modutil -force -dbdir "sql:$work/old/.pki/nssdb" -delete "My Number Card" >/dev/null 2>&1
modutil -force -dbdir "sql:$work/old/.pki/nssdb" -add "My Number Card" -libfile "$module_sign" >/dev/null 2>&1
check "the database has another path" test "$(libraries "$work/old/.pki/nssdb")" = "$module_sign"
check "the example replaces it" example "$work/old"
registered_in "after a move of the module" "$work/old/.pki/nssdb"
check "--remove" example "$work/old" --remove
check "--remove removes the module" test -z "$(libraries "$work/old/.pki/nssdb")"
check "--remove with nothing registered" example "$work/old" --remove
