#!/usr/bin/env bash
# Does stock Django migrate an app whose tables are on the analytic side (`ddl: adapt`, `access: read_write`)?
#
#   tests/migrate.sh          builds the program unless TIDEGATE names one; the analytic side is RISINGWAVE_URL where it is
#                             set, a server that tests may write to, and the double (tests/it/risingwave/double) else
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bin=${PG_BIN:-$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)}
keep=
target=${CARGO_TARGET_DIR:-target}
if [[ -z ${TIDEGATE:-} ]]; then
    cargo build --quiet --locked --bin tidegate
    TIDEGATE=$target/debug/tidegate
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
analytic=${RISINGWAVE_URL:-}
if [[ -z $analytic ]]; then
    start_cluster behind
    sql behind postgres -c "CREATE ROLE app SUPERUSER LOGIN" -c "CREATE DATABASE dev OWNER app"
    cargo build --quiet --locked --example risingwave-double
    # It ends with its standard input, which this script holds open.
    coproc DOUBLE { exec "$target/debug/examples/risingwave-double" "${port[behind]}" dev; }
    read -r -t 60 analytic <&"${DOUBLE[0]}" || die "the double is not up"
fi

port[router]=$(free_port)
cat >"$work/router.yaml" <<YAML
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
"$tidegate" serve -c "$work/router.yaml" >"$work/router.log" 2>&1 &
router=$!
deadline=$((SECONDS + 30))
until "$bin/pg_isready" -qh 127.0.0.1 -p "${port[router]}" -U app -d app; do
    if ! kill -0 "$router" 2>/dev/null || ((SECONDS >= deadline)); then die "the router is not up: $(<"$work/router.log")"; fi
    sleep 0.1
done

export TIDEGATE_PORT=${port[router]} ANALYTIC_URL=$analytic PYTHONPATH=tests/migrate
timeout 120 "$python" tests/migrate/check.py || die "stock Django does not migrate there. The router says:
$(tail -n 20 "$work/router.log")"
