#!/usr/bin/env bash
# Boots a bare Debian 12 in a container, installs the service with deploy/install.sh, and tests it under the unit's restrictions. Needs
# root, debootstrap and systemd-container; Node and npm are copied from this machine.
#   test/assurance/deploy/booted.sh [FOLDER]        FOLDER caches the distribution's packages; it needs 2 GB
set -euo pipefail
cd "$(dirname "$0")/../../.."

work=${1:-$(mktemp -d)}
mkdir -p "$work"
base=$work/base machine=$work/machine
failures=0

say() { printf '\n== %s\n' "$*"; }
check() { # title, command...
  local title=$1
  shift
  if "$@" >"$work/check.out" 2>&1; then echo "ok      $title"; else
    echo "FAILED  $title"
    sed 's/^/        /' "$work/check.out" | tail -20
    failures=$((failures + 1))
  fi
}
inside() { nsenter --target "$leader" --mount --uts --ipc --net --pid -- env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"; }

if [ ! -e "$base/etc/debian_version" ]; then
  say 'a bare Debian 12'
  debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates,iproute2,curl bookworm "$base" >"$work/debootstrap.log"
fi
rm -rf "$machine"
cp -a "$base" "$machine"
install "$(readlink -f "$(command -v node)")" "$machine/usr/bin/node"
mkdir -p "$machine/usr/lib/node_modules"
cp -a "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")" "$machine/usr/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$machine/usr/bin/npm"
if [ -e ~/.npmrc ]; then cp ~/.npmrc "$machine/root/.npmrc"; fi

say 'boot'
systemd-nspawn --quiet --directory="$machine" --boot --register=no --keep-unit --machine=mlapi-booted --bind-ro="$PWD:/src" \
  --bind="$(npm config get cache 2>/dev/null):/root/.npm" </dev/null >"$work/console.log" 2>&1 &
nspawn=$!
stop() {
  if [ -n "${leader:-}" ]; then kill -s RTMIN+4 "$leader" 2>/dev/null || true; fi
  for _ in $(seq 100); do kill -0 "$nspawn" 2>/dev/null || return 0; sleep 0.1; done
  kill -KILL "$nspawn" 2>/dev/null || true
}
trap stop EXIT
for _ in $(seq 100); do
  leader=$(pgrep -P "$nspawn" -f 'init|systemd' | head -1 || true)
  if [ -n "$leader" ] && inside systemctl is-system-running 2>/dev/null | grep -Eq 'running|degraded'; then break; fi
  sleep 0.2
done
echo "systemd is $(inside systemctl is-system-running || true): $(inside systemctl --version | head -1)"

say 'install'
check 'install.sh takes the bare machine to a running service' \
  inside /src/deploy/install.sh --name mlapi.example.com --self-signed
ask=(inside curl -sS --cacert /etc/mlapi/tls/certificate.pem --resolve mlapi.example.com:443:127.0.0.1)
check 'it answers over TLS' "${ask[@]}" --fail https://mlapi.example.com/api/readiness
inside mlapi clients add probe >"$work/client"
password=$(sed -n 's/^password: //p' "$work/client")
"${ask[@]}" https://mlapi.example.com/auth/reset -d username=probe -d "password=$password" >"$work/tokens"
token=$(sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p' "$work/tokens")
check 'a client that the command added gets its tokens' test -n "$token"
row='[[0,"tcp","private","S0",0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,123,6,1,1,0,0,0.05,0.07,0,255,26,0.1,0.05,0,0,1,1,0,0]]'
predict() { "${ask[@]}" https://mlapi.example.com/api/ml -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d "$row"; }
predicts() { predict | tee /dev/stderr | grep -q '"predictions":\["dos"\]'; }
check 'it predicts' predicts

say 'the restrictions, as the kernel has them'
pid=$(inside systemctl show --property MainPID --value mlapi)
inside cat "/proc/$pid/status" | grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):'
inside systemctl show mlapi --property=Type,WatchdogUSec,NRestarts,TasksCurrent,MemoryCurrent
# The unit with another program in place of the service, which tries what it must not be able to do.
inside mkdir -p /opt/probe
inside cp /src/test/assurance/deploy/restrictions.mjs /opt/probe/
inside sh -c 'sed -e "s#^ExecStart=.*#ExecStart=/usr/bin/node /opt/probe/restrictions.mjs#" -e "s/^Type=.*/Type=oneshot/" \
  -e "/^Restart/d" -e "/^WatchdogSec/d" -e "s/^RuntimeDirectory=mlapi/RuntimeDirectory=probe/" \
  /etc/systemd/system/mlapi.service >/etc/systemd/system/mlapi-probe.service; systemctl daemon-reload; touch /opt/secret'
check 'the probe finds every restriction in force' inside systemctl start mlapi-probe.service
inside journalctl --unit mlapi-probe.service --output cat --no-pager | grep -E '^(refused|ALLOWED|works|BROKEN)'

say 'one row over the Unix socket, one request after another'
bench() { inside node /src/test/assurance/deploy/latency.mjs "$1" "$token" "$row"; }
echo "in the unit:         $(bench /run/mlapi/mlapi.sock)"
# shellcheck disable=SC2016
inside sh -c 'cd /opt/mlapi && mkdir -m 0770 /tmp/plain && touch /tmp/plain.log && chown mlapi: /tmp/plain && MLAPI_KEY_PASSPHRASE=$(cat /etc/mlapi/passphrase) \
  NODE_ENV=production MLAPI_DATA_DIR=/var/lib/mlapi MLAPI_SOCKET=/tmp/plain/s setpriv --reuid=mlapi --regid=mlapi --init-groups \
  node build/mlapi/cli/serve.js >/tmp/plain.log 2>&1 & echo $! >/tmp/plain.pid; for i in $(seq 100); do grep -q listening /tmp/plain.log && break; sleep 0.1; done'
echo "without restrictions: $(bench /tmp/plain/s)"
# shellcheck disable=SC2016
inside sh -c 'kill "$(cat /tmp/plain.pid)"'

say 'reload'
inside sh -c 'echo MLAPI_DOCS=true >>/etc/mlapi/environment'
docs() { [ "$("${ask[@]}" -o /dev/null -w '%{http_code}' https://mlapi.example.com/api/docs)" = "$1" ]; }
until_docs() { for _ in $(seq 60); do docs "$1" && return; sleep 0.5; done; return 1; }
check 'before the reload the documents are off' docs 401
check 'systemctl reload' inside systemctl reload mlapi
check 'after it they are on' until_docs 200
check 'the main process is the same' [ "$(inside systemctl show --property MainPID --value mlapi)" = "$pid" ]
inside sh -c 'echo MLAPI_PORT=no >>/etc/mlapi/environment'
inside systemctl reload mlapi || true
sleep 2
check 'a wrong configuration is refused, and the service goes on' predicts
inside sed -i '/MLAPI_PORT/d' /etc/mlapi/environment

say 'again, and away'
inside sh -c 'sha256sum /etc/mlapi/passphrase /etc/mlapi/environment /etc/mlapi/tls/*' >"$work/before"
check 'a second run upgrades' inside /src/deploy/install.sh
inside sh -c 'sha256sum /etc/mlapi/passphrase /etc/mlapi/environment /etc/mlapi/tls/*' >"$work/after"
check 'passphrase, configuration and certificate are the same' cmp "$work/before" "$work/after"
check 'the token from before is still good' predicts
check 'systemd has not had to start it again by itself' [ "$(inside systemctl show --property NRestarts --value mlapi)" = 0 ]
check 'uninstall' inside /src/deploy/install.sh --uninstall
check 'it is gone, the data are kept' inside sh -c '! test -e /opt/mlapi && ! systemctl is-active -q mlapi && test -e /var/lib/mlapi/mlapi.db && test -e /etc/mlapi/passphrase && nginx -t'
check 'installed again from what was kept, the token is still good' inside /src/deploy/install.sh
check 'it predicts' predicts
check 'uninstall --purge' inside /src/deploy/install.sh --uninstall --purge
check 'nothing is left' inside sh -c '! id mlapi && ! test -e /var/lib/mlapi && ! test -e /etc/mlapi && ! test -e /opt/mlapi && ! test -e /usr/local/sbin/mlapi && ! test -e /etc/nginx/conf.d/mlapi.conf'

echo
if [ "$failures" -gt 0 ]; then
  echo "$failures checks failed"
  exit 1
fi
echo 'all checks passed'
