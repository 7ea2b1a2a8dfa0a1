#!/usr/bin/env bash
# Installs the service behind TLS on a bare Debian 12; run again, it upgrades the code and keeps everything else.
set -euo pipefail
umask 022

usage() {
  cat <<'USAGE'
deploy/install.sh --name HOST (--self-signed | --certificate FILE --key FILE)   install, as root, from a checkout
deploy/install.sh                                                             upgrade; keeps configuration, keys, data
deploy/install.sh --uninstall [--purge]                                       remove; --purge: configuration and data too

The certificate file includes the chain. Node 20.12 or newer must be on the PATH, or set: NODE=/usr/local/bin/node deploy/install.sh
USAGE
}

fail() {
  echo "install.sh: $*" >&2
  exit 1
}
say() { echo "== $*"; }

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
code_dir=/opt/mlapi
config_dir=/etc/mlapi
data_dir=/var/lib/mlapi
unit=/etc/systemd/system/mlapi.service
site=/etc/nginx/conf.d/mlapi.conf
# The options of the last run, and the site as it was written: a site changed by hand is not overwritten.
settings=$config_dir/install.conf
written_site=$config_dir/site.conf

name='' certificate='' key='' self_signed=no uninstall=no purge=no
while [ $# -gt 0 ]; do
  case $1 in
    --name | --certificate | --key)
      [ $# -ge 2 ] || fail "$1 needs a value"
      declare "${1#--}=$2"
      shift
      ;;
    --self-signed) self_signed=yes ;;
    --uninstall) uninstall=yes ;;
    --purge) purge=yes ;;
    --help) usage && exit ;;
    *) usage >&2 && fail "unknown option: $1" ;;
  esac
  shift
done

[ "$(id -u)" = 0 ] || fail 'run it as root'
command -v apt-get >/dev/null || fail 'this needs Debian (apt-get)'
has_systemd() { [ -d /run/systemd/system ]; }

remove() {
  if has_systemd; then systemctl disable --now mlapi.service 2>/dev/null || true; fi
  rm -rf "$unit" "$unit.d/node.conf" "$site" "$site.new" /usr/local/sbin/mlapi "$code_dir" "$written_site"
  rmdir "$unit.d" 2>/dev/null || true
  if has_systemd; then
    systemctl daemon-reload
    systemctl try-reload-or-restart nginx.service
  fi
  if [ "$purge" = yes ]; then
    rm -rf "$config_dir" "$data_dir" "$unit.d"
    if id mlapi >/dev/null 2>&1; then userdel mlapi; fi
    if getent group mlapi >/dev/null; then groupdel mlapi; fi
    say 'removed, with configuration, keys and data'
  else
    say "removed; $config_dir and $data_dir are kept (--purge removes them, too)"
  fi
}

if [ "$uninstall" = yes ]; then
  remove
  exit
fi
[ "$purge" = no ] || fail '--purge goes with --uninstall'

# Name and certificate: from the options, or else from the last run.
given=$name$certificate$key
if [ -z "$given" ] && [ "$self_signed" = no ] && [ -f "$settings" ]; then
  # shellcheck source=/dev/null
  . "$settings"
elif [ "$self_signed" = yes ]; then
  [ -z "$certificate$key" ] || fail '--self-signed goes without --certificate and --key'
  certificate=$config_dir/tls/certificate.pem key=$config_dir/tls/key.pem
fi
[[ $name =~ ^[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$ ]] || fail '--name takes the DNS name of the service; --help says more'
for path in "$certificate" "$key"; do
  [[ $path =~ ^/[A-Za-z0-9._/@+-]+$ ]] || fail '--self-signed, or --certificate and --key with absolute paths; --help says more'
done
if [ "$certificate" != "$config_dir/tls/certificate.pem" ]; then
  [ -r "$certificate" ] || fail "cannot read $certificate"
  [ -r "$key" ] || fail "cannot read $key"
fi

node=${NODE:-$(command -v node || true)}
[ -n "$node" ] || fail 'Node is missing. Debian 12 has only version 18: install 20.12 or newer from nodejs.org or NodeSource, or name it with NODE='
node=$(readlink -f "$node")
"$node" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 12) ? 0 : 1)' ||
  fail "$node is $("$node" --version); 20.12 or newer is needed (Debian 12 has only 18; nodejs.org and NodeSource have it)"
case $node in
  /home/* | /root/* | /tmp/* | /run/user/*) fail "the service cannot see $node (ProtectHome=, PrivateTmp=): install Node system-wide" ;;
esac
PATH=$(dirname "$node"):$PATH
command -v npm >/dev/null || fail 'npm is missing'

say 'packages'
missing=()
for package in nginx openssl; do
  command -v "$package" >/dev/null || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

say 'user'
id mlapi >/dev/null 2>&1 ||
  useradd --system --user-group --home-dir "$data_dir" --no-create-home --shell /usr/sbin/nologin mlapi
# The group may use the socket and nothing else: secrets are readable by their owner only.
usermod --append --groups mlapi www-data

say "code in $code_dir"
staging=$(mktemp -d "$code_dir.XXXXXX")
trap 'rm -rf "$staging"' EXIT
(
  cd "$source_dir"
  cp -R package.json package-lock.json .npmrc tsconfig.json tsconfig.build.json application.ts mlapi resources \
    README.md LICENSE "$staging/"
)
(
  cd "$staging"
  # No package needs its install script: native code is prebuilt.
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  npm run --silent build
  npm prune --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
  rm -rf application.ts mlapi tsconfig.json tsconfig.build.json
  # Removes ONNX Runtime for other platforms.
  platform=$("$node" -p 'process.platform + "/" + process.arch')
  find node_modules/onnxruntime-node/bin -mindepth 3 -maxdepth 3 -type d ! -path "*/$platform" -exec rm -r {} +
  ln -s "$config_dir/environment" .env
)
chown -R root:root "$staging"
chmod -R u=rwX,go=rX "$staging"
rm -rf "$code_dir.old"
if [ -e "$code_dir" ]; then mv "$code_dir" "$code_dir.old"; fi
mv "$staging" "$code_dir"
rm -rf "$code_dir.old"

say "configuration in $config_dir"
mkdir -p "$config_dir"
if [ ! -e "$config_dir/passphrase" ]; then
  (umask 077 && openssl rand -base64 32 >"$config_dir/passphrase")
fi
if [ ! -e "$config_dir/environment" ]; then
  # It may contain the database's password, so it is not readable by the group, which includes nginx.
  install -m 0400 -o mlapi -g mlapi /dev/stdin "$config_dir/environment" <<'ENVIRONMENT'
# Variables of the service, one NAME=value per line; see the table in the README.
# To apply changes: systemctl reload mlapi
# NODE_ENV, MLAPI_SOCKET, MLAPI_DATA_DIR and MLAPI_KEY_PASSPHRASE_FILE are set by the unit.
ENVIRONMENT
fi
if ! grep -q '^MLAPI_ISSUER=' "$config_dir/environment"; then
  # Used in tokens and by OAuth libraries. Changing it invalidates all tokens, so a new --name does not change it.
  echo "MLAPI_ISSUER=https://$name" >>"$config_dir/environment"
fi
install -d -m 0700 -o mlapi -g mlapi "$data_dir"
if [ "$certificate" = "$config_dir/tls/certificate.pem" ] && [ ! -e "$certificate" ]; then
  (cd "$code_dir" && "$node" build/mlapi/cli/main.js certificate --host "$name" --out "$config_dir/tls" >/dev/null)
fi
printf 'name=%q certificate=%q key=%q\n' "$name" "$certificate" "$key" >"$settings"

say 'unit, command and site'
install -m 0644 "$source_dir/deploy/mlapi.service" "$unit"
rm -f "$unit.d/node.conf"
if [ "$node" != /usr/bin/node ]; then
  mkdir -p "$unit.d"
  printf '[Service]\nExecStart=\nExecStart=%s build/mlapi/cli/serve.js\n' "$node" >"$unit.d/node.conf"
fi
cat >/usr/local/sbin/mlapi <<COMMAND
#!/bin/sh
# The commands of the README, as the service's own user.
[ "\$(id -u)" = 0 ] || { echo 'mlapi: run it as root' >&2; exit 1; }
cd $code_dir || exit 1
MLAPI_KEY_PASSPHRASE=\$(cat $config_dir/passphrase) NODE_ENV=production MLAPI_DATA_DIR=$data_dir
export MLAPI_KEY_PASSPHRASE NODE_ENV MLAPI_DATA_DIR
exec setpriv --reuid=mlapi --regid=mlapi --init-groups --no-new-privs -- $node build/mlapi/cli/main.js "\$@"
COMMAND
chmod 0755 /usr/local/sbin/mlapi

new_site=$(mktemp)
sed -e "s#mlapi\.example\.com#$name#g" -e "s#/etc/mlapi/tls/certificate\.pem#$certificate#g" \
  -e "s#/etc/mlapi/tls/key\.pem#$key#g" "$source_dir/deploy/nginx/mlapi.conf" >"$new_site"
if [ ! -e "$site" ] || cmp -s "$site" "$written_site"; then
  install -m 0644 "$new_site" "$site"
  install -m 0644 "$new_site" "$written_site"
elif ! cmp -s "$site" "$new_site"; then
  install -m 0644 "$new_site" "$site.new"
  say "$site was changed by hand and is kept; the new one is $site.new"
fi
rm -f "$new_site"
# Debian's example site claims the default of port 80.
if [ "$(readlink /etc/nginx/sites-enabled/default)" = /etc/nginx/sites-available/default ]; then
  rm /etc/nginx/sites-enabled/default
  say "Debian's example site is disabled"
fi
nginx -t -q

if ! has_systemd; then
  say 'systemd does not run here: nothing was started. Where it does: systemctl enable --now mlapi nginx'
  exit
fi
say 'start'
systemctl daemon-reload
systemctl enable --quiet mlapi.service nginx.service
systemctl restart mlapi.service || fail 'the service did not start: journalctl -u mlapi'
systemctl reload-or-restart nginx.service
"$node" - <<'READY' || fail 'the service is not ready after 60 s: journalctl -u mlapi'
const { get } = require('node:http');
const ask = (left) => {
  const retry = () => (left === 0 ? process.exit(1) : setTimeout(ask, 500, left - 1));
  get({ socketPath: '/run/mlapi/mlapi.sock', path: '/api/readiness', headers: { host: 'localhost' } }, ({ statusCode }) =>
    statusCode === 200 ? process.exit(0) : retry(),
  ).on('error', retry);
};
ask(120);
READY

cat <<NEXT

mlapi serves https://$name. Next:

1. a client; its password is printed once:   mlapi clients add NAME --scopes models:read,models:predict
2. its tokens, from anywhere:                 curl https://$name/auth/reset -d username=NAME -d password=...
3. variables, for the next start:             $config_dir/environment
   or at once:                                systemctl reload mlapi
NEXT
if [ "$certificate" = "$config_dir/tls/certificate.pem" ]; then
  echo
  echo "The certificate is self-signed, good for 90 days: curl needs --cacert $certificate. A real one: --certificate and --key."
fi
