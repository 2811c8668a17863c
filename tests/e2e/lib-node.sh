# Node and the packages of tests/e2e/node; sourced after lib.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh's variables

skip() {
  say "SKIPPED: $* (needed: node, npm, its headers, make and g++; on Debian nodejs, npm, libnode-dev, make, g++)"
  exit 77
}
# node_packages: from npm's registry, once for each build directory and list of packages; where that cannot be, the test is skipped.
node_packages() {
  local packages program
  for program in node npm; do
    command -v $program >/dev/null || skip "$program is not installed"
  done
  packages=${JPKI_NODE_DIRECTORY:-$build/tests/e2e/node}
  mkdir -p "$packages"
  # One test at a time; a second one finds the packages made.
  exec 8>"$packages/lock"
  flock 8
  if ! cmp -s "$here/node/package-lock.json" "$packages/installed-lock.json"; then
    cp "$here"/node/package.json "$here"/node/package-lock.json "$packages/"
    # The headers of the Node that is installed; npm would fetch them from elsewhere.
    (cd "$packages" && timeout 200 env "${proxies[@]}" npm ci --no-audit --no-fund --nodedir="$(dirname "$(dirname "$(realpath "$(command -v node)")")")") \
      >npm.log 2>&1 8>&- || { cat npm.log; rm -rf "$packages/node_modules"; skip "npm's registry cannot be reached, or pkcs11js cannot be built"; }
    cp "$here/node/package-lock.json" "$packages/installed-lock.json"
  fi
  exec 8>&-
  export NODE_PATH=$packages/node_modules
  node -e 'require("pkcs11js")' || fail "Node cannot load pkcs11js from $packages"
}
