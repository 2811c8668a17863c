#!/bin/bash
# OpenSSH logs in to a server with the card, with and without the agent; git signs a commit. The agent sends the one
# PIN that it has to every token, and that costs no try where the PIN cannot be right.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need ssh ssh-add ssh-agent ssh-keygen sshd git pkcs11-tool openssl

if [ "$(cat /proc/self/setgroups 2>/dev/null)" = deny ]; then
  say "SKIPPED: sshd cannot drop its privileges in a user namespace; run this as root"
  exit 77
fi

start_card --control "$work/control"
certificates

# ---- a server that accepts only the card's key; its log shows the logins ----
ssh-keygen -q -t ed25519 -N '' -f host_key
mkdir -p /run/sshd
server_options=(-f none -h "$work/host_key" -o "AuthorizedKeysFile=$work/authorized_keys" -o StrictModes=no -o UsePAM=no
  -o PermitRootLogin=yes -o AuthenticationMethods=publickey -o PidFile=none -o ListenAddress=127.0.0.1)
sshd_is_up_or_dead() { has_line sshd.log "Server listening" || ! kill -0 "$sshd_pid" 2>/dev/null; }
for _ in 1 2 3 4 5; do # another port if this one is in use
  port=$((20000 + SRANDOM % 12000))
  "$(command -v sshd)" -D -e "${server_options[@]}" -p "$port" 2>sshd.log </dev/null &
  sshd_pid=$!
  background+=("$sshd_pid")
  until_true 20 sshd_is_up_or_dead || fail "sshd did not start"
  if has_line sshd.log "Server listening"; then break; fi
done
has_line sshd.log "Server listening" || { cat sshd.log >&2; fail "sshd did not start"; }
printf '[localhost]:%s %s\n' "$port" "$(cat host_key.pub)" >known_hosts
# shellcheck disable=SC2120 # with options or none
login() {
  ssh -F none -p "$port" -o "UserKnownHostsFile=$work/known_hosts" -o HostKeyAlias="[localhost]:$port" \
    -o IdentityFile=none -o PreferredAuthentications=publickey "$@" root@localhost 'echo "I am in"' 2>ssh.log ||
    { cat ssh.log >&2; return 1; }
}
logins() { grep -c "Accepted publickey for root .*$fingerprint" sshd.log || true; }
one_more_login() { [ "$(logins)" -gt "$1" ]; }
judged() { # DESCRIPTION LOGINS_BEFORE: the client may end before the server has written its log
  until_true 20 one_more_login "$2" || { cat sshd.log >&2; fail "$1"; }
  say "ok: $1"
}

# ---- ssh-keygen -D ----
# It lists the CA certificates too; their keys are not on the card.
ssh-keygen -D "$module" >keys 2>keygen.log || { cat keygen.log >&2; fail "ssh-keygen -D"; }
grep "User Authentication" keys >authorized_keys ||
  fail "ssh-keygen -D does not show the key for authentication: $(cat keys)"
check "ssh-keygen -D lists the card's authentication key" cmp <(ssh-keygen -e -m PKCS8 -f authorized_keys) auth.pub
fingerprint=$(ssh-keygen -l -f authorized_keys | cut -d ' ' -f 2)

# ---- without an agent ----
cat >askpass <<ASK
#!/bin/sh
echo "\$1" >>"$work/asked"
case \$1 in *"$auth_token"*) echo $auth_pin ;; *) cat "$work/agent-pin" 2>/dev/null ;; esac
ASK
chmod +x askpass
export SSH_ASKPASS=$work/askpass SSH_ASKPASS_REQUIRE=force
unset SSH_AUTH_SOCK
if login 2>/dev/null; then fail "the server admits a client without a key"; fi
before=$(logins)
says "PKCS11Provider: login" "I am in" login -o "PKCS11Provider=$module"
judged "sshd accepted the card's key" "$before"
expect "ssh asks for the authentication PIN" "$(cat asked)" "$auth_token"
refuse "ssh asks for no other PIN" "$(cat asked)" "$sign_token"

# ---- with the agent, which loads modules only from the directories in its -P option ----
eval "$(ssh-agent -P "$(realpath "$(dirname "$module")")/*")" >/dev/null
background+=("$SSH_AGENT_PID")
tries() { printf '%s %s' "$(card_control tries auth)" "$(card_control tries sign)"; }
full=$(tries)

printf '%s\n' "$auth_pin" >agent-pin
check "ssh-add -s" ssh-add -s "$module"
[ "$(tries)" = "$full" ] || fail "the authentication PIN cost a try of the signature password: $full before, $(tries) now"
say "ok: the authentication PIN cost no try of the signature password"
says "the agent has the key" "$(cut -d ' ' -f 2 authorized_keys)" ssh-add -L
before=$(logins)
says "agent: login" "I am in" login
judged "sshd accepted the card's key" "$before"

# ---- git commit ----
git init -q repository
git -C repository config user.name Test
git -C repository config user.email test@example.org
git -C repository config gpg.format ssh
git -C repository config user.signingkey "key::$(cut -d ' ' -f 1,2 authorized_keys)"
git -C repository config gpg.ssh.allowedSignersFile "$work/allowed_signers"
printf 'test@example.org %s\n' "$(cut -d ' ' -f 1,2 authorized_keys)" >allowed_signers
check "git commit -S" git -C repository commit -q --allow-empty -S -m "Signed by a card"
says "git verify-commit" "Good \"git\" signature for test@example.org with RSA key $fingerprint" \
  git -C repository verify-commit HEAD
git -C repository cat-file commit HEAD | sed 's/by a card/by nobody/' >forged
forged=$(git -C repository hash-object -t commit -w --stdin <forged)
refuse "git does not verify a commit that was changed" "$(git -C repository verify-commit "$forged" 2>&1 || true)" "Good"
check "ssh-add -e" ssh-add -e "$module"

# The reverse: the signature password is not sent as an authentication PIN.
printf '%s\n' "$sign_pin" >agent-pin
ssh-add -s "$module" >ssh-add.log 2>&1 || true
[ "$(tries)" = "$full" ] || fail "the signature password cost a try of the authentication PIN: $full before, $(tries) now"
say "ok: the signature password cost no try of the authentication PIN"
