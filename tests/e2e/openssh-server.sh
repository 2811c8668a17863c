#!/bin/bash
# sshd admits one holder of a card by its key in authorized_keys, and no other citizen, whose card has an equally valid certificate; also over
# a renewal; and with a card whose certificates and CA have expired, since sshd does not look at certificates.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need ssh ssh-keygen sshd pkcs11-tool openssl
if [ "$(cat /proc/self/setgroups 2>/dev/null)" = deny ]; then
  say "SKIPPED: sshd cannot drop its privileges in a user namespace; run this as root"
  exit 77
fi

start_card --control "$work/control" --pki "$work/pki"
ssh-keygen -q -t ed25519 -N '' -f host_key
mkdir -p /run/sshd
cat >sshd_config <<CONF
HostKey $work/host_key
AuthorizedKeysFile $work/authorized_keys
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
AuthenticationMethods publickey
PidFile none
ListenAddress 127.0.0.1
CONF
sshd_is_up_or_dead() { has_line sshd.log "Server listening" || ! kill -0 "$sshd_pid" 2>/dev/null; }
for _ in 1 2 3 4 5; do # another port if this one is in use
  port=$((20000 + SRANDOM % 12000))
  "$(command -v sshd)" -D -e -f sshd_config -p "$port" 2>sshd.log </dev/null &
  sshd_pid=$!
  background+=("$sshd_pid")
  until_true 20 sshd_is_up_or_dead || fail "sshd did not start"
  if has_line sshd.log "Server listening"; then break; fi
done
has_line sshd.log "Server listening" || { cat sshd.log >&2; fail "sshd did not start"; }
printf '[localhost]:%s %s\n' "$port" "$(cat host_key.pub)" >known_hosts

printf '#!/bin/sh\necho %s\n' "$auth_pin" >askpass
chmod +x askpass
export SSH_ASKPASS=$work/askpass SSH_ASKPASS_REQUIRE=force
unset SSH_AUTH_SOCK
line_of_card() { ssh-keygen -D "$module" 2>keygen.log | grep "User Authentication" || { cat keygen.log >&2; fail "ssh-keygen -D"; }; }
log_in() {
  ssh -F none -p "$port" -o "UserKnownHostsFile=$work/known_hosts" -o HostKeyAlias="[localhost]:$port" -o IdentityFile=none \
    -o PreferredAuthentications=publickey -o "PKCS11Provider=$module" root@localhost 'echo "I am in"' 2>ssh.log
}
admitted() { grep -c "Accepted publickey for root .*$(ssh-keygen -lf line | cut -d ' ' -f 2)" sshd.log || true; }
one_more() { [ "$(admitted)" -gt "$before" ]; }
# admits DESCRIPTION / refuses DESCRIPTION: the card in the reader; sshd's log decides
admits() {
  line_of_card >line
  before=$(admitted)
  [ "$(log_in)" = "I am in" ] || { cat ssh.log sshd.log >&2; fail "$1"; }
  until_true 20 one_more || { cat sshd.log >&2; fail "$1: sshd's log shows no login"; }
  say "ok: $1: sshd accepted the key of this card"
}
refuses() {
  line_of_card >line
  before=$(admitted)
  if log_in; then fail "$1"; fi
  expect "$1: ssh prints Permission denied" "$(cat ssh.log)" "Permission denied \\(publickey\\)"
  [ "$(admitted)" = "$before" ] || { cat sshd.log >&2; fail "$1: sshd's log shows a login"; }
}

line_of_card >authorized_keys
admits "the card in the list"
swap_card adult 2
refuses "another citizen's card"
# Renewal: a new key. Both lines at first, then only the new one.
line_of_card >>authorized_keys
admits "the new card, appended to the list"
swap_card adult 1
admits "the old one beside it"
sed -i 1d authorized_keys
refuses "the old one, removed from the list"
swap_card expired 3
line_of_card >authorized_keys
admits "a card whose certificate and CA have ended"
[ "$(card_control tries auth) $(card_control tries sign)" = "3 5" ] || fail "a try was spent"
