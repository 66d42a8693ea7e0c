# The servers, and the proxies in front of them, one after the other in the same surroundings. Sourced by bench/run.
#
# A target is a file of bench/proxies (README.md there says what it gives). It is started in a folder of its own for the cell that is
# measured, and stopped after it, so that none profits from what another part has left behind.
# Much here is for the files of bench/proxies and bench/parts.
# shellcheck shell=bash disable=SC2154,SC2034,SC2030,SC2031

export PGUSER=bench PGDATABASE=postgres PGPASSWORD=bench-password PGHOST=127.0.0.1 PGCONNECT_TIMEOUT=30
# pgbench would use TLS wherever it is offered, which the proxies do for what is measured with it, and the servers do not.
export PGSSLMODE=disable

# More connections than any cell without a proxy has clients.
server_options="-c max_connections=400 -c shared_buffers=512MB -c synchronous_commit=off -c autovacuum=off -c max_wal_size=8GB"
source tests/servers.sh

# Connections that a pool may have; pgbench's scale, in hundred thousand rows; rows of what is long.
pool_size=16 scale=10 wide_rows=1000000
[[ -z $quick ]] || scale=1 wide_rows=100000

running=()
declare -A pid_of

stop_everything() {
    trap - EXIT INT TERM
    stop_targets
    stop
}
trap stop_everything EXIT
trap 'exit 130' INT TERM

start_servers() {
    say "Starting PostgreSQL, pgbench scale $scale, $wide_rows wide rows"
    local cluster
    for cluster in oltp analytic; do
        start_cluster "$cluster"
        PGUSER=postgres PGPORT=${port[$cluster]} "$bin/psql" -qX -c 'CREATE ROLE bench SUPERUSER LOGIN'
    done
    PGPORT=${port[oltp]} "$bin/pgbench" -i -q -s "$scale" >"$work/init.log" 2>&1 || { cat "$work/init.log" >&2 && exit 1; }
    # A row is about 100 bytes as a client gets it.
    local rows="SELECT n AS id, repeat(chr(97 + n % 26), 85) AS filler FROM generate_series(1, $wide_rows) n"
    sql oltp postgres -c "CREATE UNLOGGED TABLE wide AS $rows" -c "CREATE UNLOGGED TABLE sink (filler text)" -c "ALTER TABLE sink ALTER filler SET STORAGE PLAIN" \
        -c "VACUUM ANALYZE wide" -c CHECKPOINT
    sql analytic postgres -c "CREATE UNLOGGED TABLE orders AS $rows" -c "VACUUM ANALYZE orders" -c CHECKPOINT
    make_certificate
}

# What PostgreSQL and proxies show to clients.
make_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
        -keyout "$work/tls.key" -out "$work/tls.crt" 2>/dev/null
    chmod 644 "$work/tls.key"
}

# Runs one function of a target's file, in a shell of its own.
of_target() { # target function
    (
        dir=$work/$1 listen=${port[$1]:-} oltp=${port[oltp]} analytic=${port[analytic]}
        # shellcheck source=/dev/null
        source "bench/proxies/$1"
        "$2"
    )
}

# Which of the targets take part in what follows; protocol, clients and pool are the cell's.
choose() { # part
    chosen=()
    local target
    for target in direct "${compared[@]}" tidegate; do
        if part=$1 of_target "$target" takes; then chosen+=("$target"); fi
    done
}

start_targets() { # part protocol clients
    part=$1 protocol=$2 clients=$3
    stop_targets
    choose "$part"
    local target
    for target in "${chosen[@]}"; do start_target "$target"; done
}

start_target() { # target
    rm -rf "${work:?}/$1"
    mkdir "$work/$1"
    ((EUID != 0)) || chown postgres "$work/$1"
    port[$1]=${port[oltp]}
    [[ $1 == direct ]] || port[$1]=$(free_port)
    running+=("$1")
    # Its input and output are its own, so that nothing waits for them.
    of_target "$1" start </dev/null >>"$work/$1/log" 2>&1 || { cat "$work/$1/log" >&2 && die "$1 cannot be started"; }
    local deadline=$((SECONDS + 30))
    until PGPORT=${port[$1]} "$bin/psql" -qXAt -c 'SELECT 1' >/dev/null 2>&1; do
        if ((SECONDS >= deadline)); then
            tail -20 "$work/$1/log" >&2
            die "$1 does not answer on port ${port[$1]}"
        fi
        sleep 0.1
    done
    pid_of[$1]=
    [[ ! -s $work/$1/pid ]] || pid_of[$1]=$(head -n 1 "$work/$1/pid")
}

stop_targets() {
    local target pid
    for target in "${running[@]}"; do
        [[ -s $work/$target/pid ]] || continue
        pid=$(head -n 1 "$work/$target/pid")
        mapfile -t family < <(python3 bench/process.py family "$pid")
        kill -KILL "${family[@]}" 2>/dev/null || true
        rm -f "$work/$target/pid"
    done
    running=()
}

# Starts a program in the background and leaves its process id in the target's folder. For the targets' files.
launch() { # command…
    "$@" &
    echo $! >"$dir/pid"
}

launch_as_postgres() { # command…
    # runuser stays as the parent of what it runs; setpriv does not.
    if ((EUID == 0)); then
        launch setpriv --reuid postgres --regid postgres --clear-groups "$@"
    else
        launch "$@"
    fi
}

# What the report's head says of the machine and the programs.
write_about() {
    printf 'machine\t%s cores, %s, %s, Linux %s\n' "$(nproc)" "$(sed -n 's/^model name\t: //p' /proc/cpuinfo | head -n 1)" \
        "$(awk '/MemTotal/ { printf "%.0f GB", $2 / 1048576 }' /proc/meminfo)" "$(uname -r)"
    printf 'load\t%s before the last part\n' "$(cut -d ' ' -f 1-3 /proc/loadavg)"
    printf 'commit\t%s\n' "$(git describe --always --dirty 2>/dev/null || echo unknown)"
    printf 'quick\t%s\n' "$quick"
    printf 'took\t%s s\n' "$((SECONDS - begun))"
    local target
    for target in direct "${compared[@]}" tidegate; do
        printf 'target\t%s\t%s\t%s\n' "$target" "$(of_target "$target" title)" "$(of_target "$target" note | tr '\n' ' ')"
    done
}
