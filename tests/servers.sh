# Clusters of PostgreSQL and a router in front of one, for scripts that compare the two ways. Sourced with the repository
# as working directory.
#
# Takes $bin, $tidegate and $keep; gives $work, a folder that is removed at the end unless $keep is set, and port[NAME].
# May be set: $server_options (for postgres), $pool (of the OLTP backend), $wait.
# shellcheck shell=bash disable=SC2154

say() { printf '%s\n' "$@"; }
die() { say "$*" >&2 && exit 1; }

work=$(mktemp -d)
chmod 755 "$work"
router=
declare -A port

stop() {
    trap - EXIT INT TERM
    stop_router
    local data
    for data in "$work"/*/data; do stop_cluster "$(basename "$(dirname "$data")")"; done
    if [[ -n $keep ]]; then say "kept: $work"; else rm -rf "$work"; fi
}
trap stop EXIT
trap 'exit 130' INT TERM

# PostgreSQL refuses to run as root.
as_postgres() {
    if ((EUID == 0)); then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start_cluster() { # name
    local folder=$work/$1
    port[$1]=$(free_port)
    mkdir -p "$folder"
    ((EUID != 0)) || chown postgres "$folder"
    as_postgres "$bin/initdb" -D "$folder/data" -A trust -U postgres --no-sync --no-locale -E UTF8 >/dev/null
    as_postgres "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/server.log" \
        -o "-p ${port[$1]} -k $folder -c fsync=off -c max_connections=200 -c max_prepared_transactions=20 ${server_options:-}" start >/dev/null
}

stop_cluster() { # name
    [[ ! -f $work/$1/data/postmaster.pid ]] ||
        as_postgres "$bin/pg_ctl" -D "$work/$1/data" -m immediate stop >/dev/null 2>&1 || true
}

sql() { # cluster database, then psql's options
    local cluster=$1 database=$2
    shift 2
    "$bin/psql" -qXAt -F '	' -h 127.0.0.1 -p "${port[$cluster]}" -U postgres -d "$database" -v ON_ERROR_STOP=1 "$@"
}

# The analytic backend is the cluster of that name. The folder $work/NAME gets router.yaml and router.log.
start_router() { # name, cluster, database, pooling
    mkdir -p "$work/$1"
    port[router]=$(free_port)
    cat >"$work/$1/router.yaml" <<YAML
listen: 127.0.0.1:${port[router]}
backends:
  oltp:
    engine: postgres
    url: postgres://postgres@127.0.0.1:${port[$2]}/$3
    pool: { size: ${pool:-20}, wait: ${wait:-30s} }
  analytic:
    engine: postgres
    url: postgres://postgres@127.0.0.1:${port[analytic]}/postgres
default: oltp
pooling: $4
discover: 5s
YAML
    serve "$1"
}

# Starts the router of the folder $work/NAME, where it finds router.yaml.
serve() { # name
    "$tidegate" serve -c "$work/$1/router.yaml" >"$work/$1/router.log" 2>&1 &
    router=$!
    local deadline=$((SECONDS + 30))
    until "$bin/pg_isready" -qh 127.0.0.1 -p "${port[router]}" -U postgres -d postgres; do
        if ! kill -0 "$router" 2>/dev/null || ((SECONDS >= deadline)); then die "the router is not up: $(<"$work/$1/router.log")"; fi
        sleep 0.1
    done
}

# The url of an analytic side that behaves as RisingWave, in $analytic: RISINGWAVE_URL where it is set, else the double
# over a cluster of its own.
start_analytic() {
    analytic=${RISINGWAVE_URL:-}
    [[ -z $analytic ]] || return 0
    start_cluster behind
    sql behind postgres -c "CREATE ROLE app SUPERUSER LOGIN" -c "CREATE DATABASE dev OWNER app"
    cargo build --quiet --locked --example risingwave-double
    # It ends with its standard input, which this shell holds open.
    coproc DOUBLE { exec "${CARGO_TARGET_DIR:-target}/debug/examples/risingwave-double" "${port[behind]}" dev; }
    read -r -t 60 analytic <&"${DOUBLE[0]}" || die "the double is not up"
}

stop_router() {
    [[ -z $router ]] || kill -KILL "$router" 2>/dev/null || true
    [[ -z $router ]] || wait "$router" 2>/dev/null || true
    router=
}
