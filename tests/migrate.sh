#!/usr/bin/env bash
# Does stock Django migrate an app whose tables are on the analytic side (`ddl: adapt`, `access: read_write`)?
#
#   tests/migrate.sh          builds the program unless TIDEGATE names one; the analytic side is RISINGWAVE_URL where it is
#                             set, a server that tests may write to, and the double (tests/it/risingwave/double) else
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bin=${PG_BIN:-$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)}
keep=
if [[ -z ${TIDEGATE:-} ]]; then
    cargo build --quiet --locked --bin tidegate
    TIDEGATE=${CARGO_TARGET_DIR:-target}/debug/tidegate
fi
tidegate=$TIDEGATE
source tests/servers.sh
python=examples/django/.venv/bin/python
if ! cmp -s examples/django/requirements.txt examples/django/.venv/.installed; then
    "${PYTHON:-python3}" -m venv examples/django/.venv
    examples/django/.venv/bin/pip install --quiet --disable-pip-version-check -r examples/django/requirements.txt
    cp examples/django/requirements.txt examples/django/.venv/.installed
fi

start_cluster oltp
sql oltp postgres -c "CREATE ROLE app SUPERUSER LOGIN" -c "CREATE DATABASE app OWNER app"
start_analytic

port[router]=$(free_port)
mkdir -p "$work/router"
cat >"$work/router/router.yaml" <<YAML
listen: 127.0.0.1:${port[router]}
backends:
  oltp:
    engine: postgres
    url: postgres://app@127.0.0.1:${port[oltp]}/app
  analytic:
    engine: risingwave
    url: $analytic
    access: read_write
    ddl: adapt
    read_own_writes: true
default: oltp
discover: 5s
routes:
  - relations: ["shop_*"]
    to: analytic
YAML
serve router

export TIDEGATE_PORT=${port[router]} ANALYTIC_URL=$analytic PYTHONPATH=tests/migrate
timeout 120 "$python" tests/migrate/check.py || die "stock Django does not migrate there. The router says:
$(tail -n 20 "$work/router/router.log")"
