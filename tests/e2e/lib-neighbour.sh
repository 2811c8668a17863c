# Shared by the tests in which our module is loaded into a program that does not use the card; sourced after lib-processes.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # lib.sh's and lib-processes.sh's variables, and what is set here for the tests

neighbour_background=()
end_neighbours() {
  local process
  for process in "${neighbour_background[@]}"; do kill -TERM "$process" 2>/dev/null || true; done
  end_processes
}
trap end_neighbours EXIT

# milliseconds_of COMMAND...: sets $took; the command must succeed.
milliseconds_of() {
  local began ended output
  began=$(date +%s%N)
  output=$("$@" 2>&1 </dev/null) || { printf '%s\n' "$output" >&2; fail "$*"; }
  ended=$(date +%s%N)
  took=$(((ended - began) / 1000000))
}

# tls_without_client_certificate: a server that requests no certificate, on $tls_port; NSS databases without a module (none)
# and with ours (ours); $handshake_alone is the longest of three handshakes without a module, in milliseconds.
tls_without_client_certificate() {
  openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 -addext subjectAltName=DNS:localhost \
    -keyout tls.key -out tls.pem 2>tls-req.log || { cat tls-req.log >&2; fail "cannot make the server's certificate"; }
  openssl s_server -accept 127.0.0.1:0 -cert tls.pem -key tls.key -www -no_ticket -num_tickets 0 -no_cache >tls-server.log 2>&1 </dev/null &
  neighbour_background+=("$!")
  until_true 20 grep -Esq '^ACCEPT .*:[0-9]+' tls-server.log || fail "the TLS server did not start"
  tls_port=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' tls-server.log | head -n 1)
  printf 'GET / HTTP/1.0\r\n\r\n' >tls-request
  nss_with none
  nss_with ours "$module"
  local i
  handshake_alone=0
  for i in 1 2 3; do
    milliseconds_of handshake_with none
    [ "$took" -le "$handshake_alone" ] || handshake_alone=$took
  done
  say "a TLS handshake without a module takes $handshake_alone ms at most"
}
nss_with() { # NAME [MODULE]
  mkdir -p "nss-$1"
  certutil -N -d "sql:nss-$1" --empty-password || fail "certutil -N"
  certutil -A -d "sql:nss-$1" -n localhost -t P,, -i tls.pem || fail "certutil -A"
  [ $# = 1 ] || modutil -dbdir "sql:nss-$1" -add jpki -libfile "$2" -force >"nss-$1/modutil.log" 2>&1 ||
    { cat "nss-$1/modutil.log" >&2; fail "modutil -add"; }
}
handshake_with() { # NAME: of the database
  local page
  page=$(timeout 60 tstclnt -4 -d "sql:nss-$1" -h localhost -p "$tls_port" -A tls-request) || { printf '%s\n' "$page"; return 1; }
  [[ $page == *"Protocol "* ]]
}
# handshake DESCRIPTION: with our module, at most two seconds longer than without one, on a machine under any load (measured: tests/bench).
handshake() {
  milliseconds_of handshake_with ours
  [ "$took" -le $((handshake_alone + 2000)) ] || fail "$1: a TLS handshake takes $took ms with our module, $handshake_alone ms without"
  say "ok: $1: a TLS handshake takes $took ms (without a module $handshake_alone ms)"
}
# usable PROCESS: it can open a session; holder_gets_it: the process "holder" opens the card exclusively.
usable() { ask "$1" open s 0; hear "$1"; [ "$answer" = CKR_OK ]; }
holder_gets_it() { ask holder pcsc connect exclusive; hear holder; [ "$answer" = ok ]; }
