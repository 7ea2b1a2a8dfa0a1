# Starts like the official image: a new folder gets a cluster, the user with the password from the file, and the database.
set -eu
data=/var/lib/postgresql/data
if [ ! -e $data/PG_VERSION ]; then
    # shellcheck disable=SC2086 -- several arguments
    initdb -D $data --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" $POSTGRES_INITDB_ARGS
    echo 'host all all all scram-sha-256' >>$data/pg_hba.conf
    pg_ctl -D $data -w -o '-c listen_addresses= -k /tmp' start
    PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE") createdb -h /tmp -U "$POSTGRES_USER" "$POSTGRES_DB"
    pg_ctl -D $data -w stop
fi
exec postgres -D $data -c listen_addresses='*' -k /tmp
