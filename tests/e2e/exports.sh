#!/bin/bash
# The modules export the C_* functions only, load only the libraries they need, and are linked with hardening.
# Programs load the module next to other modules with the same function names, some with RTLD_GLOBAL.
. "$(dirname "$0")/lib.sh"
need nm readelf ldd

for file in "$module" "$module_auth" "$module_sign"; do
  name=${file##*/}
  exported=$(nm -D --defined-only "$file" | awk '{ print $3 }')
  strangers=$(grep -Ev '^C_[A-Za-z0-9]+(@.*)?$' <<<"$exported" || true)
  [ -z "$strangers" ] || fail "$name exports symbols other than C_*: $strangers"
  say "ok: $name exports only C_*"
  for function in C_GetFunctionList C_GetInterface C_GetInterfaceList C_Initialize C_Sign; do
    grep -qx "$function" <<<"$exported" || fail "$name does not export $function"
  done

  dynamic=$(readelf -dW "$file")
  needed=$(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' <<<"$dynamic")
  # ld-linux: the dynamic linker itself, in every process, for __tls_get_addr.
  strangers=$(grep -Ev '^(libcrypto|libpcsclite|libstdc\+\+|libgcc_s|libm|libc|ld-linux.*)\.so' <<<"$needed" || true)
  [ -z "$strangers" ] || fail "$name loads libraries that it must not: $strangers"
  say "ok: $name loads only libcrypto, libpcsclite and the C++ runtime"
  expect "$name is bound at load time" "$dynamic" "BIND_NOW|Flags:.* NOW"
  expect "$name has read-only relocations" "$(readelf -lW "$file")" "GNU_RELRO"
  refuse "$name has no run path" "$dynamic" "RPATH|RUNPATH"
  refuse "$name has no writable code" "$(readelf -lW "$file")" "LOAD.* RWE|GNU_STACK.* RWE"
  refuse "$name has no undefined symbol" "$(ldd -r "$file" 2>&1)" "undefined symbol|not found"
done
