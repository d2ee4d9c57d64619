#!/usr/bin/env bash
# Runs what leans on PostgreSQL's own behaviour against Debian's 15 with HypoPG: the library, the migrations, the ledger and
# the queries. postgres-15.sh [<where vitest's JSON report goes> [<files instead of all>]]. A cluster of its own on a free port, thrown away afterwards. The replica tests bring servers of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=/usr/lib/postgresql/15/bin
folder=$(mktemp -d)
chmod 755 "$folder"
mkdir "$folder/cluster"
# Outside of what outgoing connections get: one of those could have it before the server does.
port=$(node -e '
  const look = () => {
    const port = require("node:crypto").randomInt(12000, 32000);
    const server = require("node:net").createServer().once("error", look);
    server.listen(port, "127.0.0.1", () => server.close(() => console.log(port)));
  };
  look();')

# PostgreSQL does not run as root.
as_server() {
  if [ "$(id -u)" -eq 0 ]; then (cd / && setpriv --reuid=postgres --regid=postgres --clear-groups "$@"); else "$@"; fi
}
if [ "$(id -u)" -eq 0 ]; then chown postgres:postgres "$folder" "$folder/cluster"; fi
trap 'as_server "$bin/pg_ctl" -D "$folder/cluster" -m immediate -w stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT

# With a password, as everywhere: a pooler has to be told one.
password=$(node -p 'require("node:crypto").randomBytes(16).toString("hex")')
printf '%s' "$password" >"$folder/password"
chmod 644 "$folder/password"
as_server "$bin/initdb" -D "$folder/cluster" -U postgres -A scram-sha-256 --pwfile "$folder/password" -E UTF8 --locale=C --no-sync >/dev/null
settings="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c full_page_writes=off"
settings="$settings -c max_connections=200 -c shared_preload_libraries=pg_stat_statements"
as_server "$bin/pg_ctl" -D "$folder/cluster" -w -l "$folder/log" -o "$settings" start >/dev/null

export TEST_DATABASE_URL="postgresql://postgres:$password@127.0.0.1:$port/postgres"
report=${1:-$folder/report.json}
if [ $# -gt 0 ]; then shift; fi
if [ $# -eq 0 ]; then set -- packages/postgres apps/wallet/test/migrations apps/wallet/test/ledger apps/wallet/test/queries; fi
npx vitest run "$@" --exclude '**/replicas.test.ts' --reporter=default --reporter=json --outputFile.json="$report"
