# Shared by the tests of browsers; sourced in place of lib.sh and lib-clients.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # variables of lib.sh, and variables for the tests
. "${BASH_SOURCE[0]%/*}/lib.sh"
. "$here/lib-clients.sh"

# browser_test TOOL...: skips the test where a policy cannot be mounted; otherwise browser_servers.
browser_test() {
  need "$@"
  if [ "$JPKI_ISOLATED" != 1 ]; then
    say "SKIPPED: this test mounts a policy, and mounting is not allowed here"
    exit 77
  fi
  browser_servers
}
# browser_servers [OPTION...]: a card with these options is in the reader, and TLS servers that require its certificate listen on
# $port12 (TLS 1.2) and $port13 (TLS 1.3).
browser_servers() {
  need modutil certutil python3 openssl pkcs11-tool
  start_card --control "$work/control" "$@"
  certificates
  the_ca
  server_certificate
  tls_server 1.2
  port12=$port
  tls_server 1.3
  port13=$port
}
# drive DIRECTORY STEP...: the browser's script does these steps with that profile, see chromium.py and firefox.py;
# the results of the steps are in the file "found"
drive() {
  PYTHONDONTWRITEBYTECODE=1 timeout "${drive_limit:-240}" python3 "$here/$browser.py" "$@" >found 2>error || {
    cat found error "$1/$browser.log" >&2 || true
    fail "$browser with the profile $work/$1"
  }
}
part() { awk -v step="== $1" '/^== / { on = $0 == step; next } on' found; } # STEP: its result
# The card's retry counter, as a step, and the result of that step.
tries_step="run:$virtual_card --ctl $work/control tries auth"
tries_then() { part "$tries_step"; }
# page_verified DESCRIPTION VERSION [PATH]: the page of that server was shown, with the contents that verified_by_server expects.
page_verified() {
  tls_version=$2
  verified_by_server "$1" "$(part "$(page "$2" "${3-}")")"
}
page_refused() { # DESCRIPTION VERSION [PATH]
  refuse "$1" "$(part "$(page "$2" "${3-}")")" "Verify return code: 0"
}
page() { # VERSION [PATH]: the step that opens it
  local ports=([2]="$port12" [3]="$port13")
  printf 'page:https://localhost:%s/%s' "${ports[${1#1.}]}" "${2-}"
}
# firefox_profile DIRECTORY: without start pages, and with the certificate chosen automatically
firefox_profile() {
  mkdir -p "$1"
  cat >"$1/user.js" <<'JS'
user_pref("security.default_personal_cert", "Select Automatically");
user_pref("marionette.port", 0);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.page", 0);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("app.normandy.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "data:,none");
user_pref("security.OCSP.enabled", 0);
JS
}
