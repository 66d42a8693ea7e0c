# Servers, suites and their results, for the script beside this file. Sourced with the repository as working directory.
#
# Takes $bin, $sessions and $pool; gives $work (a folder that is removed at the end unless $keep is set),
# prepare, run_direct, run_routed and compare.
# shellcheck shell=bash disable=SC2154

say() { printf '%s\n' "$@"; }
die() { say "$*" >&2 && exit 1; }

version=$("$bin/postgres" --version | sed -E 's/[^0-9]*([0-9.]+).*/\1/')
major=${version%%.*}
cache=$(realpath -m "${CARGO_TARGET_DIR:-target}")/conformance

# Direct results depend on the server and on this file, and on nothing of the router.
edition=$({ say "$bin" && cat tests/conformance/lib.sh; } | cksum | cut -d ' ' -f 1)

# Fewer result files than this, and the suite has not really run.
declare -A least=([regress]=200 [isolation]=100)
declare -A database=([regress]=regression [isolation]=isolation_regression)
# Outside the schedule, as they need max_prepared_transactions.
extra_specs=(prepared-transactions prepared-transactions-cic)

work=$(mktemp -d)
chmod 755 "$work"
router=

stop() {
    trap - EXIT INT TERM
    stop_router
    local data
    for data in "$work"/*/data; do stop_cluster "$(basename "$(dirname "$data")")"; done
    if [[ -n $keep ]]; then say "kept: $work, direct results: $cache/direct"; else rm -rf "$work"; fi
}
trap stop EXIT
trap 'exit 130' INT TERM

# PostgreSQL refuses to run as root.
as_postgres() {
    if ((EUID == 0)); then runuser -u postgres -- "$@"; else "$@"; fi
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# ---------------------------------------------------------------- what is downloaded

# apt with lists of its own: the system's sources and caches are not touched, and what is installed does not count.
private_apt() {
    local apt=$work/apt key=/usr/share/keyrings/debian-archive-keyring.gpg codename kind
    export APT_CONFIG=$apt/apt.conf
    [[ ! -d $apt ]] || return 0
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    for kind in deb deb-src; do
        echo "$kind [signed-by=$key] http://deb.debian.org/debian $codename main"
    done >"$apt/sources.list"
    cat >"$APT_CONFIG" <<CONF
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$apt/lists";
Dir::State::status "/dev/null";
APT::Sandbox::User "root";
Dir::Cache "$apt/cache";
CONF
    apt-get update -qq
}

# Prints where the suite's folder of the source package is.
source_tree() { # suite
    local kept=$cache/source-$major/src/test
    if [[ ! -d $kept/regress || ! -d $kept/isolation ]]; then
        say "Downloading PostgreSQL $major's source package" >&2
        mkdir -p "$work/source/tree" "$cache"
        (
            private_apt
            cd "$work/source" || exit
            apt-get source -qq --download-only "postgresql-$major"
            tar -xf ./*.orig.tar.* -C tree --strip-components 1 --wildcards '*/src/test/regress' '*/src/test/isolation'
        ) >&2
        rm -rf "$cache/source-$major"
        mv -T "$work/source/tree" "$cache/source-$major"
    fi
    say "$kept/$1"
}

# Prints where the suite's program is: Debian's package of the client has both, if not then the server's.
driver() { # suite
    local path=pgxs/src/test/$1 name kept package
    name=$([[ $1 == regress ]] && echo pg_regress || echo pg_isolation_regress)
    kept=$cache/programs-$major/usr/lib/postgresql/$major/lib/$path/$name
    if [[ -x $(dirname "$bin")/lib/$path/$name ]]; then
        kept=$(dirname "$bin")/lib/$path/$name
    else
        for package in "postgresql-client-$major" "postgresql-server-dev-$major"; do
            [[ ! -x $kept ]] || break
            say "Downloading $package for $name" >&2
            mkdir -p "$work/packages" "$cache/programs-$major"
            (
                private_apt
                cd "$work/packages" || exit
                apt-get download -qq "$package"
                dpkg-deb -x "$package"_*.deb "$cache/programs-$major"
            ) >&2
        done
    fi
    [[ -x $kept ]] || die "$name is missing"
    say "$kept"
}

declare -A trees drivers

prepare() { # suite
    trees[$1]=$(source_tree "$1")
    drivers[$1]=$(driver "$1")
}

# ---------------------------------------------------------------- servers

declare -A port

start_cluster() { # name
    local folder=$work/$1
    port[$1]=$(free_port)
    mkdir -p "$folder"
    ((EUID != 0)) || chown postgres "$folder"
    as_postgres "$bin/initdb" -D "$folder/data" -A trust -U postgres --no-sync --no-locale -E UTF8 >/dev/null
    as_postgres "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/server.log" \
        -o "-p ${port[$1]} -k $folder -c fsync=off -c max_connections=200 -c max_prepared_transactions=10" start >/dev/null
}

stop_cluster() { # name
    [[ ! -f $work/$1/data/postmaster.pid ]] ||
        as_postgres "$bin/pg_ctl" -D "$work/$1/data" -m immediate stop >/dev/null 2>&1 || true
}

sql() { # cluster database command
    "$bin/psql" -qXAt -F '	' -h 127.0.0.1 -p "${port[$1]}" -U postgres -d "$2" -v ON_ERROR_STOP=1 -c "$3"
}

start_router() { # name of the cluster behind it, suite, pooling
    port[router]=$(free_port)
    cat >"$work/$1/router.yaml" <<YAML
listen: 127.0.0.1:${port[router]}
backends:
  oltp:
    engine: postgres
    url: postgres://postgres@127.0.0.1:${port[$1]}/${database[$2]}
    pool: { size: $pool, wait: 30s }
  analytic:
    engine: postgres
    url: postgres://postgres@127.0.0.1:${port[analytic]}/postgres
default: oltp
pooling: $3
discover: 5s
YAML
    "$tidegate" serve -c "$work/$1/router.yaml" >"$work/$1/router.log" 2>&1 &
    router=$!
    local deadline=$((SECONDS + 15))
    until "$bin/pg_isready" -qh 127.0.0.1 -p "${port[router]}" -U postgres -d postgres; do
        if ! kill -0 "$router" 2>/dev/null || ((SECONDS >= deadline)); then die "the router is not up: $(<"$work/$1/router.log")"; fi
        sleep 0.1
    done
}

stop_router() {
    [[ -z $router ]] || kill -KILL "$router" 2>/dev/null || true
    [[ -z $router ]] || wait "$router" 2>/dev/null || true
    router=
}

# ---------------------------------------------------------------- suites

# Runs a suite against a port; leaves out/results/*.out, summary and seconds in the folder NAME. Returns 0 if it came to its end.
run_suite() { # name suite port
    local folder=$work/$1 began status=0
    cp -r "${trees[$2]}" "$folder/suite"
    mkdir -p "$folder/out/testtablespace"
    ((EUID != 0)) || chown -R postgres "$folder/suite" "$folder/out"
    local options=(--inputdir="$folder/suite" --outputdir="$folder/out" --bindir="$bin" --host=127.0.0.1 --port="$3" --user=postgres)
    if [[ $2 == regress ]]; then
        options+=(--dlpath="$(dirname "$bin")/lib" --max-concurrent-tests="$sessions" --schedule="$folder/suite/parallel_schedule")
    else
        options+=(--schedule="$folder/suite/isolation_schedule" "${extra_specs[@]}")
    fi
    began=$SECONDS
    (
        cd "$folder/suite" || exit
        as_postgres env PATH="$bin:$PATH" PGISOLATIONTIMEOUT=60 timeout 900 "${drivers[$2]}" "${options[@]}"
    ) >"$folder/summary" 2>&1 || status=$?
    say $((SECONDS - began)) >"$folder/seconds"
    # 1 says that some tests fail, as those without regress.so must.
    ((status < 2)) || { say "$1: pg_regress ended with $status" "$(tail -n 5 "$folder/summary")" && return 1; }
}

# What outlives the sessions of a suite, as lines of a name and a count. Asked of the server itself.
left_behind() { # cluster suite
    sql "$1" "${database[$2]}" "
        SELECT 'prepared transactions', count(*) FROM pg_prepared_xacts
        UNION ALL SELECT 'replication slots', count(*) FROM pg_replication_slots
        UNION ALL SELECT 'sessions idle in transaction', count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'
        UNION ALL SELECT 'other sessions at work', count(*) FROM pg_stat_activity
            WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()
        UNION ALL SELECT 'advisory locks', count(*) FROM pg_locks WHERE locktype = 'advisory'
        UNION ALL SELECT 'temporary relations', count(*) FROM pg_class WHERE relpersistence = 't'" 2>&1
}

# The folder with a suite's direct results.
direct_results() { # suite
    say "$cache/direct/$version-$1-$sessions-$edition"
}

run_direct() { # suite
    local kept name=direct-$1 deadline
    kept=$(direct_results "$1")
    if [[ -z ${FRESH:-} && -f $kept/left ]]; then
        say "$1 direct: from $kept"
        return
    fi
    start_cluster "$name"
    run_suite "$name" "$1" "${port[$name]}" || die "$1 direct: did not come to its end"
    deadline=$((SECONDS + 10))
    # Sessions end a little after their clients.
    until [[ $(sql "$name" postgres "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'") == 1 ]]; do
        ((SECONDS < deadline)) || die "$1 direct: sessions without a client"
        sleep 0.1
    done
    left_behind "$name" "$1" >"$work/$name/left" || die "$(<"$work/$name/left")"
    stop_cluster "$name"
    rm -rf "$cache/direct/$version-$1-$sessions-"*
    mkdir -p "$kept"
    cp -r "$work/$name/out/results" "$work/$name/summary" "$work/$name/seconds" "$kept"
    cp "$work/$name/left" "$kept/left" # the last, as it says that the others are there
    say "$1 direct: $(find "$kept/results" -name '*.out' | wc -l) result files, $(<"$kept/seconds") s"
}

# Runs a suite through a router of its own, which is stopped again. To be followed by `compare`.
run_routed() { # name suite pooling
    local kept deadline
    kept=$(direct_results "$2")
    unfinished=
    start_cluster "$1"
    start_router "$1" "$2" "$3"
    run_suite "$1" "$2" "${port[router]}" || unfinished=1
    # Discovery is at work now and then, and sessions end after their clients: only what stays counts.
    deadline=$((SECONDS + 10))
    until left_behind "$1" "$2" >"$work/$1/left" && cmp -s "$kept/left" "$work/$1/left"; do
        ((SECONDS < deadline)) || break
        sleep 0.2
    done
    kill -0 "$router" 2>/dev/null || say "the router has ended" >>"$work/$1/router.log"
    stop_router
    stop_cluster "$1"
}

# Prints what differs; sets $same, $differ, $known and $problems. What the file known explains does not count as a difference.
compare() { # name suite
    local kept file name routed=$work/$1/out/results
    kept=$(direct_results "$2")
    same=0 differ=0 known=0 problems=()
    for file in "$kept"/results/*.out; do
        name=$(basename "$file")
        if cmp -s "$file" "$routed/$name"; then
            same=$((same + 1))
            continue
        fi
        if grep -q "^${1#*-} $2/$name: " "$(dirname "${BASH_SOURCE[0]}")/known"; then
            known=$((known + 1))
            say "differs as known: $2/$name"
            continue
        fi
        differ=$((differ + 1))
        say "differs: $2/$name"
        if [[ ! -f $routed/$name ]]; then
            say "missing"
        elif ((differ <= 30)); then
            # Where much is missing, the routed side (>) begins late.
            { diff "$file" "$routed/$name" || true; } | awk 'NR <= 20 || (/^>/ && late++ < 3)'
        fi
    done
    [[ -z $unfinished ]] || problems+=("did not come to its end")
    ((same + known + differ >= least[$2])) || problems+=("only $((same + differ)) result files")
    if ! cmp -s "$kept/left" "$work/$1/left"; then
        problems+=("left behind")
        say "left behind by $1 (direct <, routed >):"
        diff "$kept/left" "$work/$1/left" || true
    fi
    if grep -q '^the router has ended' "$work/$1/router.log"; then
        problems+=("the router ended")
        tail -n 5 "$work/$1/router.log"
    fi
    if grep -q panicked "$work/$1/router.log"; then
        problems+=("the router panicked")
        grep -A 3 panicked "$work/$1/router.log" | head -n 20
    fi
}
