#!/usr/bin/env bash
# The part of the official image's interface that we use: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, port 5432.
set -euo pipefail
user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA" && chown -R postgres:postgres "$PGDATA" && chmod 700 "$PGDATA"
  printf '%s' "${POSTGRES_PASSWORD:?}" >/tmp/password && chown postgres /tmp/password
  su postgres -s /bin/bash -c "PATH=$PATH initdb -D '$PGDATA' -U '$user' --pwfile=/tmp/password -A scram-sha-256 -E UTF8 --locale=C.UTF-8" >/dev/null
  rm /tmp/password
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  if [ "$database" != postgres ]; then
    sed -i '1ilocal all all trust' "$PGDATA/pg_hba.conf"
    su postgres -s /bin/bash -c "PATH=$PATH pg_ctl -D '$PGDATA' -o '-c listen_addresses=' -w start" >/dev/null
    su postgres -s /bin/bash -c "PATH=$PATH createdb -U '$user' '$database'"
    su postgres -s /bin/bash -c "PATH=$PATH pg_ctl -D '$PGDATA' -m fast -w stop" >/dev/null
    sed -i '1d' "$PGDATA/pg_hba.conf"
  fi
fi
exec su postgres -s /bin/bash -c "PATH=$PATH exec postgres -D '$PGDATA' -c listen_addresses='*' ${*:2}"
