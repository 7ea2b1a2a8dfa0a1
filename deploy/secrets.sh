#!/bin/sh
# Creates the secrets of compose.yaml in deploy/secrets; existing ones stay. Only the owner can open the folder. The files in it are
# readable by all, for the containers' users, each of which sees only its own.
set -eu
umask 022
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
chmod 700 "$folder"

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
# Written under another name and moved, so that a file is complete or missing.
put() {
    [ -e "$folder/$1" ] && return
    cat >"$folder/$1.new"
    chmod 444 "$folder/$1.new"
    mv "$folder/$1.new" "$folder/$1"
    echo "made $folder/$1"
}

random | put passphrase
random | put postgres_password
if [ ! -e "$folder/redis.conf" ] || [ ! -e "$folder/environment" ]; then
    redis_password=$(random)
    rm -f "$folder/redis.conf" "$folder/environment"
    printf '%s\n' "requirepass $redis_password" 'save ""' 'appendonly no' 'maxmemory 128mb' 'maxmemory-policy volatile-ttl' 'dir /data' |
        put redis.conf
    printf '%s\n' "MLAPI_DATABASE_URL=postgres://mlapi:$(cat "$folder/postgres_password")@postgres:5432/mlapi" \
        "MLAPI_REDIS_URL=redis://:$redis_password@redis:6379" | put environment
fi
for name in certificate.pem key.pem; do
    [ -e "$folder/$name" ] || echo "STILL MISSING: $folder/$name, the certificate of your name and its key, readable by all within this folder"
done
