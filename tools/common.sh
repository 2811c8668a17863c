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

# need_packages GROUP...: installs what is missing from these groups of tools/packages. Where nothing is missing,
# nothing is asked of the network, and it need not be root either.
need_packages() {
  local group name missing=()
  command -v dpkg-query >/dev/null || {
    say "This is no Debian: please see to it that what tools/packages lists is installed."
    return 0
  }
  while read -r group name; do
    [[ " $* " == *" $group "* ]] || continue
    # shellcheck disable=SC2016 # dpkg-query's own variable
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done < <(sed 's/#.*//' "$source_dir/tools/packages")
  if [ ${#missing[@]} = 0 ]; then
    say "All packages are installed."
    return 0
  fi
  say "Missing: ${missing[*]}"
  if [ "$(id -u)" != 0 ]; then
    die "Not root, so nothing can be installed. Run this as root, or install them first:
  sudo apt-get install ${missing[*]}"
  fi
  local log
  log=$(mktemp "${TMPDIR:-/tmp}/jpki-apt.XXXXXX")
  say "Installing them with apt-get ..."
  if ! {
    DEBIAN_FRONTEND=noninteractive apt-get update &&
      DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
  } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    die "apt-get could not install them; all that it said: $log"
  fi
  rm -f "$log"
  say "Installed."
}

# build DIRECTORY CMAKE_ARGUMENT...: configures and builds; an existing directory is used again. Quiet unless it fails.
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
