#!/bin/bash
# `cmake --install` puts every file where the programs that need it look.
. "$(dirname "$0")/lib.sh"
need cmake pkg-config

check "cmake --install" env "DESTDIR=$work/root" cmake --install "$build"
setting() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
prefix=$(setting CMAKE_INSTALL_PREFIX)
libdir=$(setting CMAKE_INSTALL_LIBDIR)
case $libdir in /*) ;; *) libdir=$prefix/$libdir ;; esac
bindir=$(setting CMAKE_INSTALL_BINDIR)
case $bindir in /*) ;; *) bindir=$prefix/$bindir ;; esac

root=$work/root
for name in jpki-pkcs11 jpki-pkcs11-auth jpki-pkcs11-sign; do
  check "$libdir/$name.so exists" test -f "$root$libdir/$name.so"
  check "$libdir/pkcs11/$name.so is a link" test -L "$root$libdir/pkcs11/$name.so"
  check "$libdir/pkcs11/$name.so points to the module" test "$root$libdir/pkcs11/$name.so" -ef "$root$libdir/$name.so"
  # An absolute link would point out of a package's staging directory.
  case $(readlink "$root$libdir/pkcs11/$name.so") in /*) fail "the link is absolute" ;; esac
done

configs=$(pkg-config --variable=p11_module_configs p11-kit-1)
file=$root$configs/jpki-pkcs11.module
check "$configs/jpki-pkcs11.module exists" test -f "$file"
name=$(sed -n 's/^module: *//p' "$file")
if [ "$libdir/pkcs11" = "$(pkg-config --variable=p11_module_path p11-kit-1)" ]; then
  check "jpki-pkcs11.module names the module without a directory" test "$name" = jpki-pkcs11.so
else
  # Where p11-kit does not search for relative names, only a full path works.
  check "jpki-pkcs11.module names the installed module" test "$name" = "$libdir/pkcs11/jpki-pkcs11.so"
fi

check "$bindir/jpki-virtual-card exists" test -x "$root$bindir/jpki-virtual-card"
says "jpki-virtual-card starts" "jpki-virtual-card" "$root$bindir/jpki-virtual-card" --help

build_path=$(cd "$build" && pwd)
if grep -rlF "$build_path" "$root" >found 2>/dev/null; then
  # Debugging information names source files; run paths must not.
  while read -r installed; do
    if readelf -d "$installed" 2>/dev/null | grep -E 'R(UN)?PATH' | grep -qF "$build_path"; then
      fail "$installed looks for libraries in the build directory"
    fi
  done <found
fi
say "ok: no installed file looks for libraries in the build directory"
