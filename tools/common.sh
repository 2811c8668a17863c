# What tools/try and tests/run share; sourced.
# shellcheck shell=bash
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PATH=$PATH:/usr/sbin:/sbin

step() { printf '\n== %s\n' "$*"; }
say() { printf '%s\n' "$*"; }
die() {
  printf '\n%s\n' "$*" >&2
  exit 1
}

installed() {
  # shellcheck disable=SC2016 # dpkg-query's own variable
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}
known_to_apt() { # not one that other packages only mention
  [ -n "$(apt-cache show --no-all-versions "$1" 2>/dev/null)" ]
}
# missing_of GROUP...: prints, a line each, what is not installed of these groups and can be had: the first of the alternatives that
# this release has. Before apt has any lists, the first alternative stands for all.
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

# need_packages GROUP...: installs what is missing from these groups of tools/packages. Where nothing is missing,
# nothing is asked of the network, and it need not be root either.
need_packages() {
  local missing log
  command -v dpkg-query >/dev/null || {
    say "This is no Debian: please see to it that what tools/packages lists is installed."
    return 0
  }
  mapfile -t missing < <(missing_of "$@")
  if [ ${#missing[@]} = 0 ]; then
    say "All packages are installed."
    return 0
  fi
  if [ "$(id -u)" != 0 ]; then
    die "Not root, so nothing can be installed. Run this as root, or install them first:
  sudo apt-get install ${missing[*]}"
  fi
  log=$(mktemp "${TMPDIR:-/tmp}/jpki-apt.XXXXXX")
  DEBIAN_FRONTEND=noninteractive apt-get update >"$log" 2>&1 </dev/null || {
    tail -n 20 "$log" >&2
    die "apt-get update failed; its output: $log"
  }
  # Again, since the lists now tell which alternative this release has.
  mapfile -t missing < <(missing_of "$@")
  say "Missing: ${missing[*]}"
  say "Installing them with apt-get ..."
  if ! DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    die "apt-get could not install them; all that it said: $log"
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

# build DIRECTORY CMAKE_ARGUMENT...: configures and builds; an existing directory is used again. Quiet unless it fails.
# With --preset NAME (CMakePresets.json) what else is given overrides the preset.
# BUILD_TARGETS, an array, restricts what is built.
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
    die "The build failed; all that it said: $log"
  fi
}
BUILD_TARGETS=()
