#!/usr/bin/env bash
# Builds the image, runs it as compose.yaml does, and checks: no root, no packages, writable paths, health, a prediction, the exit.
# Then runs the whole of compose.yaml. Needs root, podman, buildah and curl; podman-compose for the second part.
#   test/assurance/deploy/containers/run.sh               with the Dockerfile's base, and the official images of the others
#   test/assurance/deploy/containers/run.sh --local-base  without an image registry: a base from Debian's packages (debootstrap) and this machine's
#                                               node, and replacements from Debian's packages for the others
set -euo pipefail
cd "$(dirname "$0")/../../../.."
here=test/assurance/deploy/containers
work=$(mktemp -d)
id=mlapi-test-$$
build=(buildah bud --isolation chroot --network host --format docker)
export MLAPI_IMAGE=localhost/mlapi:test

export MLAPI_ISSUER=https://mlapi.example.com
compose() { podman-compose -p "$id" -f "$work/deploy/compose.yaml" "$@"; }
clean() {
    podman rm -f "$id" >/dev/null 2>&1 || true
    podman volume rm -f "$id" >/dev/null 2>&1 || true
    if [ -d "$work/deploy" ]; then compose down -v >/dev/null 2>&1 || true; fi
    podman volume rm -f "${id}_state" "${id}_socket" "${id}_database" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap clean EXIT
failures=0
check() { # title, command...
    local title=$1
    shift
    if "$@" >"$work/output" 2>&1; then echo "ok      $title"; else
        echo "FAILED  $title"
        cat "$work/output"
        failures=$((failures + 1))
    fi
}
# A limit of open files that any machine allows, and the runtime that supports every version of cgroups.
cat >"$work/containers.conf" <<'CONF'
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
CONF
if command -v runc >/dev/null; then printf '[engine]\nruntime = "runc"\n' >>"$work/containers.conf"; fi
export CONTAINERS_CONF=$work/containers.conf

if [ "${1:-}" = --local-base ]; then
    # Created once; podman rmi localhost/mlapi-base:test to renew it.
    if ! podman image exists localhost/mlapi-base:test; then
        debootstrap --variant=minbase --include=ca-certificates,libstdc++6 bookworm "$work/base" >"$work/debootstrap.log"
        rm -rf "$work"/base/var/cache/apt/*.bin "$work"/base/var/lib/apt/lists/* "$work"/base/usr/share/{doc,man,locale}
        cp "$(readlink -f "$(command -v node)")" "$work/base/usr/local/bin/node"
        mkdir -p "$work/base/usr/local/lib/node_modules"
        cp -a "$(npm root -g)/npm" "$work/base/usr/local/lib/node_modules/"
        for name in npm npx; do ln -s "../lib/node_modules/npm/bin/$name-cli.js" "$work/base/usr/local/bin/$name"; done
        # The same trusted certificates as this machine.
        cp -L /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/ca-certificates.crt"
        echo cafile=/etc/ssl/certs/ca-certificates.crt >>"$work/base/usr/local/lib/node_modules/npm/npmrc"
        tar -C "$work/base" -c . | podman import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
            - localhost/mlapi-base:test >/dev/null 2>&1
        rm -rf "$work/base"
    fi
    build+=(--build-arg BASE=localhost/mlapi-base:test)
    for name in nginx redis postgres; do
        "${build[@]}" --target "$name" -t "localhost/mlapi-$name:test" "$here" >"$work/$name.log" 2>&1 || { tail "$work/$name.log"; exit 1; }
    done
    export NGINX_IMAGE=localhost/mlapi-nginx:test POSTGRES_IMAGE=localhost/mlapi-postgres:test REDIS_IMAGE=localhost/mlapi-redis:test
fi

"${build[@]}" -f deploy/Dockerfile -t "$MLAPI_IMAGE" . >"$work/build.log" 2>&1 || { tail -n 30 "$work/build.log"; exit 1; }
grep -E '^[0-9.]+M' "$work/build.log" | sed '1s/$/ of ONNX libraries in the package/;2s/$/ of them in the image/'
podman image inspect "$MLAPI_IMAGE" --format '{{.Size}} bytes in the image, base included'

od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$work/passphrase"
chmod 444 "$work/passphrase"
port=$(node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})')
podman run -d --name "$id" --read-only --cap-drop ALL --security-opt no-new-privileges --network host --memory 2g --pids-limit 256 \
    --tmpfs /tmp:size=16m,mode=1777 -v "$work/passphrase:/run/secrets/passphrase:ro" -v "$id:/var/lib/mlapi" \
    -e MLAPI_HOST=127.0.0.1 -e MLAPI_PORT="$port" -e MLAPI_ISSUER="http://127.0.0.1:$port" "$MLAPI_IMAGE" >/dev/null 2>"$work/run.log" || { cat "$work/run.log"; exit 1; }
inside() { podman exec "$id" "$@"; }
check 'it becomes healthy' timeout 60 bash -c "until podman exec $id node deploy/health.js; do sleep 0.5; done"
check 'its own health check says so' podman healthcheck run "$id"
check 'it runs as nobody in particular' test "$(inside id -u):$(inside id -g)" = 10001:10001
check 'without capabilities, and no way to any' test "$(inside grep -cE '^(Cap(Inh|Prm|Eff|Bnd|Amb):.0000000000000000|NoNewPrivs:.1)$' /proc/1/status)" = 6
check 'nothing in it changes its user' test -z "$(inside find / -xdev -type f -perm /6000 2>/dev/null)"
check 'no package manager of Node' bash -c "! podman exec $id sh -c 'command -v npm || command -v npx'"
check 'one library of ONNX' test "$(inside find node_modules/onnxruntime-node/bin -name '*.node' | wc -l)" = 1
check 'no development packages, no sources' bash -c "! podman exec $id sh -c 'ls -d node_modules/typescript node_modules/jest mlapi application.ts 2>/dev/null | grep .'"
for folder in /opt/mlapi /etc /usr/local/bin; do
    check "$folder cannot be written" bash -c "! podman exec $id touch $folder/x"
done
username=container
password=$(inside node build/mlapi/cli/main.js clients add "$username" | sed -n 's/^password: //p')
token=$(curl -sS "http://127.0.0.1:$port/auth/reset" -d "username=$username" --data-urlencode "password=$password" |
    sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')
answer=$(curl -sS "http://127.0.0.1:$port/api/ml" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d @files/requests/one-row.json)
check 'a token, and a prediction' test "$answer" = '{"model":"nsl-kdd-classifier","version":"1","predictions":["dos"]}'
podman stop -t 15 "$id" >/dev/null 2>&1
check 'SIGTERM ends it, drained' test "$(podman inspect "$id" --format '{{.State.ExitCode}}')" = 0

if command -v podman-compose >/dev/null; then
    cp -r deploy "$work/"
    cp package.json "$work/"
    sh deploy/secrets.sh "$work/deploy/secrets" >/dev/null
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=mlapi.example.com \
        -addext subjectAltName=DNS:mlapi.example.com -keyout "$work/deploy/secrets/key.pem" -out "$work/deploy/secrets/certificate.pem" 2>/dev/null
    chmod 444 "$work"/deploy/secrets/*.pem
    read -r HTTP_PORT HTTPS_PORT < <(node -e 'const l=()=>require("net").createServer().listen(0);const [a,b]=[l(),l()];b.on("listening",()=>{console.log(a.address().port,b.address().port);a.close();b.close()})')
    export HTTP_PORT HTTPS_PORT
    compose up -d --no-build >"$work/up.log" 2>&1 || { tail "$work/up.log"; exit 1; }
    url=https://mlapi.example.com:$HTTPS_PORT
    ask() { curl -sS --cacert "$work/deploy/secrets/certificate.pem" --resolve "mlapi.example.com:$HTTPS_PORT:127.0.0.1" "$@"; }
    export -f ask
    export work HTTPS_PORT
    check 'compose: the service is ready, through Nginx and TLS' timeout 60 bash -c "until ask $url/api/readiness | grep -q '\"ready\"'; do sleep 1; done"
    for name in postgres redis nginx; do
        check "compose: $name is healthy" timeout 30 bash -c "until podman healthcheck run ${id}_${name}_1; do sleep 1; done"
    done
    password=$(podman exec "${id}_api_1" node build/mlapi/cli/main.js clients add "$username" | sed -n 's/^password: //p')
    token=$(ask "$url/auth/reset" -d "username=$username" --data-urlencode "password=$password" | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')
    answer=$(ask "$url/api/ml" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d @files/requests/one-row.json)
    check 'compose: a token, and a prediction' test "$answer" = '{"model":"nsl-kdd-classifier","version":"1","predictions":["dos"]}'
    check 'compose: the service is in one network, which has no way out' test \
        "$(podman inspect "${id}_api_1" --format '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}')$(
            podman network inspect "${id}_backend" --format '{{.Internal}}')" = "${id}_backend true"
    check 'compose: only Nginx has ports' test "$(podman ps --filter "label=io.podman.compose.project=$id" --format '{{.Names}} {{.Ports}}' | grep -c -- '->')" = 1
    check 'compose: the clients are in PostgreSQL' bash -c "podman exec ${id}_postgres_1 sh -c 'PGPASSWORD=\$(cat /run/secrets/postgres_password) psql -h 127.0.0.1 -U mlapi -At -c \"select count(*) from clients\"' | grep -qx 1"
else
    echo 'NOT RUN: compose.yaml, because podman-compose is not here'
fi
[ "$failures" = 0 ]
