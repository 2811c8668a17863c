#!/bin/bash
# IKEv2 with strongSwan's charon: a client whose key is on the card, and a gateway that admits one subject. The gateway's log
# decides. A wrong PIN costs one try; another citizen's card, issued by the same CAs, is rejected.
# Each side has its own network namespace, connected by a pair of virtual Ethernet devices. Up to the IKE SA: not every kernel that
# runs the tests has IPsec.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
skip() { say "SKIPPED: $*"; exit 77; }
need swanctl openssl pkcs11-tool unshare nsenter ip
[ "$JPKI_ISOLATED" = 1 ] || skip "mounting is not allowed here, and each charon needs its own /run"
charon=$(find /usr/lib/ipsec /usr/libexec/ipsec -name charon -print -quit 2>/dev/null || true)
[ -x "$charon" ] || fail "charon is not installed (Debian: strongswan-charon)"

start_card --control "$work/control" --pki "$work/pki"
person 2
person 1
server_certificate

# ---- two network namespaces, a charon in each ----
unshare --net true 2>unshare.log || skip "cannot create a network namespace here: $(cat unshare.log)"
mkdir pcscd
# side NAME: a process that keeps the namespaces of this side; in $NAME_pid
side() {
  local name=$1
  mkdir -p "$name"/{x509,x509ca,private}
  unshare --net --mount sh -c "mount --rbind /run/pcscd pcscd && mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/pcscd &&
    mount --rbind pcscd /run/pcscd && ip link set lo up && : >$name/ready && exec sleep 600" >"$name/side.log" 2>&1 </dev/null &
  declare -g "${name}_pid=$!"
  background+=("$!")
  until_true 20 test -e "$name/ready" || skip "no namespaces for $name: $(cat "$name/side.log")"
}
in_side() { # NAME COMMAND...
  local pid=$1_pid
  shift
  nsenter --net="/proc/${!pid}/ns/net" --mount="/proc/${!pid}/ns/mnt" --wd="$work" "$@"
}
side gateway
side client
in_side gateway ip link add left type veth peer name right netns "$client_pid" 2>veth.log || skip "no virtual Ethernet here: $(cat veth.log)"
in_side gateway sh -c 'ip address add 192.0.2.1/30 dev left && ip link set left up'
in_side client sh -c 'ip address add 192.0.2.2/30 dev right && ip link set right up'

# charon_start NAME: with $NAME/strongswan.conf
charon_start() {
  local name=$1
  in_side "$name" env STRONGSWAN_CONF="$work/$name/strongswan.conf" "$charon" >"$name/charon.out" 2>&1 </dev/null &
  background+=("$!")
  until_true 30 in_side "$name" test -S /run/charon.vici || { cat "$name"/charon.* >&2; fail "charon did not start: $name"; }
}
strongswan_conf() { # NAME: charon's settings, those of the plugins in standard input
  local directory
  directory=$(find /etc/strongswan.d -maxdepth 1 -name charon -print -quit 2>/dev/null || true)
  cat <<CONF
charon {
  load_modular = yes
  install_routes = no
  plugins {
    include ${directory:-/etc/strongswan.d/charon}/*.conf
$(cat)
  }
  filelog {
    log {
      path = $work/$1/charon.log
      default = 1
      ike = 2
      cfg = 2
      flush_line = yes
    }
  }
}
CONF
}
control() { # NAME OPTION...: swanctl
  local name=$1
  shift
  in_side "$name" env SWANCTL_DIR="$work/$name" STRONGSWAN_CONF="$work/$name/strongswan.conf" swanctl "$@" --uri unix:///run/charon.vici
}

# ---- the gateway ----
cp server.pem gateway/x509/
cp server.key gateway/private/
cp 1/auth-ca.pem gateway/x509ca/one.pem
cp 2/auth-ca.pem gateway/x509ca/two.pem
gateway_conf() { # SUBJECT
  cat >gateway/swanctl.conf <<CONF
connections {
  card {
    version = 2
    local {
      auth = pubkey
      certs = server.pem
      id = localhost
    }
    remote {
      auth = pubkey
      id = "$1"
    }
  }
}
CONF
}
subject() { echo "C=JP, CN=$(holder "$1/auth.pem")"; }
strongswan_conf gateway </dev/null >gateway/strongswan.conf
gateway_conf "$(subject 1)"
charon_start gateway
check "the gateway's connection" control gateway --load-all --noprompt

# ---- the client ----
cp server.pem client/x509/
strongswan_conf client >client/strongswan.conf <<CONF
    pkcs11 {
      modules {
        jpki {
          path = $module_auth
        }
      }
    }
CONF
client_conf() { # PIN
  cat >client/swanctl.conf <<CONF
connections {
  card {
    version = 2
    childless = force
    remote_addrs = 192.0.2.1
    local {
      auth = pubkey
      cert {
        handle = 01
        module = jpki
        slot = 0
      }
    }
    remote {
      auth = pubkey
      certs = server.pem
      id = localhost
    }
  }
}
secrets {
  token {
    handle = 01
    module = jpki
    slot = 0
    pin = $1
  }
}
CONF
}


# client PIN: a new charon of the client, which logs in with this PIN when swanctl loads it
client() {
  if in_side client test -e /run/charon.pid; then
    in_side client sh -c 'kill -TERM "$(cat /run/charon.pid)"'
    until_true 30 in_side client sh -c '! test -e /run/charon.pid' || fail "charon does not end"
    in_side client rm -f /run/charon.vici
  fi
  client_conf "$1"
  charon_start client
  control client --load-all --noprompt >load.log 2>&1
}
# authenticated: an IKE SA, as the client sees it; what the gateway logs meanwhile is in judgement.log
authenticated() {
  local before status=0
  before=$(wc -l <gateway/charon.log)
  control client --initiate --ike card --timeout 60 >initiate.log 2>&1 || status=$?
  tail -n "+$((before + 1))" gateway/charon.log >judgement.log
  return "$status"
}
shown() { tail -n 40 load.log initiate.log judgement.log >&2; fail "$1"; }

if client 0000 && authenticated; then shown "the gateway admits a client with a wrong PIN"; fi
expect "a wrong PIN costs one try" "$(card_control tries auth)" '^2$'
refuse "with a wrong PIN the gateway admits no one" "$(cat gateway/charon.log)" "established between"

client "$auth_pin" || shown "swanctl finds no key"
expect "the right PIN resets the retry counter" "$(card_control tries auth)" '^3$'
card_control reset-counts >/dev/null
authenticated || shown "the gateway does not admit the card's holder"
log=$(cat judgement.log)
expect "the gateway verified the card's signature" "$log" "authentication of '$(subject 1)' with RSA_EMSA_PKCS1_SHA2_256 successful"
expect "the gateway admits the card's holder" "$log" "IKE_SA card\\[[0-9]+\\] established between .*\\[localhost\\]\\.\\.\\..*\\[$(subject 1)\\]"
says "the gateway lists the SA" "ESTABLISHED" control gateway --list-sas
expect "no try of either PIN was spent" "$(card_control tries auth) $(card_control tries sign)" '^3 5$'
say "counted: one authentication: $(card_control counts)"

# ---- another citizen, or the same one's renewed card: the subject decides ----
person 2
client "$auth_pin" || shown "swanctl finds no key on another card"
if authenticated; then shown "the gateway admits another citizen's card"; fi
log=$(cat judgement.log)
refuse "the gateway rejects another citizen's card" "$log" "established between"
expect "the gateway logs the other subject" "$log" "looking for peer configs matching .*\\[$(subject 2)\\]"
gateway_conf "$(subject 2)"
check "the gateway admits the other subject instead" control gateway --load-conns
authenticated || shown "the gateway does not admit the second subject"
expect "the gateway admits the second subject" "$(cat judgement.log)" "established between .*\\[$(subject 2)\\]"
