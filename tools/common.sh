# Shared by tools/try, tests/run and the other scripts in tests/; sourced.
# shellcheck shell=bash
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PATH=$PATH:/usr/sbin:/sbin

step() { printf '\n== %s\n' "$*"; }
say() { printf '%s\n' "$*"; }
die() {
  printf '\n%s\n' "$*" >&2
  exit 1
}
# fail_visibly: from here on, a script that ends with another exit status than 0 prints FAILED as its last line.
fail_visibly() { trap '[ $? = 0 ] || say "FAILED: see above"' EXIT; }

installed() {
  # shellcheck disable=SC2016 # dpkg-query's own variable
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}
known_to_apt() { # a real package, not only a name in other packages' dependencies
  [ -n "$(apt-cache show --no-all-versions "$1" 2>/dev/null)" ]
}
# missing_of GROUP...: prints, one a line, the packages of these groups that are not installed and are available: the first alternative
# that this release has. Before apt has any lists, the first alternative.
missing_of() {
  local group names optional alternatives name
  while read -r group names optional; do
    [[ " $* " == *" $group "* ]] || continue
    IFS='|' read -ra alternatives <<<"$names"
    for name in "${alternatives[@]}"; do
      if installed "$name"; then continue 2; fi
    done
    for name in "${alternatives[@]}"; do
      if known_to_apt "$name"; then
        printf '%s\n' "$name"
        continue 2
      fi
    done
    if [ "$optional" != optional ]; then printf '%s\n' "${alternatives[0]}"; fi
  done < <(sed 's/#.*//' "$source_dir/tools/packages")
}

# need_packages GROUP...: installs the missing packages of these groups of tools/packages. If none is missing, it needs
# neither the network nor root.
need_packages() {
  local missing log
  command -v dpkg-query >/dev/null || {
    say "Not a Debian system: install the packages that tools/packages lists before you go on."
    return 0
  }
  mapfile -t missing < <(missing_of "$@")
  if [ ${#missing[@]} = 0 ]; then
    say "All packages are installed."
    return 0
  fi
  if [ "$(id -u)" != 0 ]; then
    die "Packages are missing, and only root can install them. Run this as root, or install them first:
  sudo apt-get install ${missing[*]}"
  fi
  log=$(mktemp "${TMPDIR:-/tmp}/jpki-apt.XXXXXX")
  DEBIAN_FRONTEND=noninteractive apt-get update >"$log" 2>&1 </dev/null || {
    tail -n 20 "$log" >&2
    die "apt-get update failed; its output: $log"
  }
  # Again: with the lists, apt knows which alternative this release has.
  mapfile -t missing < <(missing_of "$@")
  say "Missing: ${missing[*]}"
  say "Installing them with apt-get ..."
  if ! DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    die "apt-get install failed; its output: $log"
  fi
  rm -f "$log"
  say "Installed."
}

# clang_compiler: the C++ compiler of the package that tools/packages names for clang.
clang_compiler() {
  local group names optional name
  while read -r group names optional; do
    if [ "$group" != clang ] || [[ $names != clang-[0-9]* ]]; then continue; fi
    for name in ${names//|/ }; do
      if command -v "${name/clang-/clang++-}" >/dev/null; then
        printf '%s\n' "${name/clang-/clang++-}"
        return 0
      fi
    done
  done < <(sed 's/#.*//' "$source_dir/tools/packages")
  die "clang is not installed (tools/packages, group clang)"
}

# build DIRECTORY CMAKE_ARGUMENT...: configures and builds; reuses an existing directory. Prints output only if it fails.
# After --preset NAME (CMakePresets.json) further arguments override the preset.
# The array BUILD_TARGETS restricts the targets.
build() {
  local directory=$1 log=$1.log
  shift
  if ! cmake -S "$source_dir" -B "$directory" -G Ninja "$@" >"$log" 2>&1; then
    cat "$log" >&2
    die "Configuring failed."
  fi
  local targets=()
  if [ ${#BUILD_TARGETS[@]} != 0 ]; then targets=(--target "${BUILD_TARGETS[@]}"); fi
  say "Building in $directory ..."
  if ! cmake --build "$directory" --parallel "${JPKI_JOBS:-$(nproc)}" "${targets[@]}" >>"$log" 2>&1; then
    tail -n 60 "$log" >&2
    die "The build failed; its output: $log"
  fi
}
BUILD_TARGETS=()
