# A `tidegate demo` on free ports, for the scripts beside this file. Sourced with the repository as working directory.
#
# Gives $tidegate, $options, $work (a folder that is removed at the end), start_demo, stop_demo, gone and fail.
# shellcheck shell=bash

tidegate=${TIDEGATE:-}
if [[ -z $tidegate ]]; then
    cargo build --quiet --locked --bin tidegate
    tidegate=${CARGO_TARGET_DIR:-target}/debug/tidegate
fi

options=(--port 0 --http-port 0)
# Whatever else this machine could start, a test wants the same servers everywhere.
[[ -n ${RISINGWAVE_URL:-} ]] || options+=(--analytic postgres)

work=$(mktemp -d)
chmod 711 "$work" # PostgreSQL's user has to pass through
mkdir -m 711 "$work/tmp"
demo_pid=

clean_up() {
    trap - EXIT INT TERM
    [[ -z $demo_pid ]] || { kill "$demo_pid" 2>/dev/null && wait "$demo_pid" 2>/dev/null; } || true
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

fail() {
    echo "FAILED: $*" >&2
    [[ ! -f $work/log ]] || sed 's/^/  demo: /' "$work/log" >&2
    exit 1
}

# Starts a demo with further options, and sets TIDEGATE_PORT and the like once it is up.
start_demo() {
    rm -f "$work/env"
    TMPDIR=$work/tmp "$tidegate" demo "${options[@]}" --env-file "$work/env" "$@" >"$work/log" 2>&1 &
    demo_pid=$!
    local deadline=$((SECONDS + 120))
    until [[ -f $work/env ]]; do
        kill -0 "$demo_pid" 2>/dev/null || fail "the demo ended before it was up"
        ((SECONDS < deadline)) || fail "the demo is not up after 120 s"
        sleep 0.1
    done
    set -a
    # shellcheck source=/dev/null
    source "$work/env"
    set +a
}

# Ends the demo with a signal, and makes sure that it has cleaned up.
stop_demo() { # signal
    local code=0
    kill "-$1" "$demo_pid"
    wait "$demo_pid" 2>/dev/null || code=$?
    demo_pid=
    [[ $1 == KILL ]] || ((code == 0)) || fail "the demo ended with $code after SIG$1"
    gone
}

# The demo's folder and its servers are gone. After SIGKILL its watcher may still be at it.
gone() {
    local deadline=$((SECONDS + 30))
    while [[ -n $(ls "$work/tmp") ]] || pgrep -f -- "$work/tmp" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || fail "the demo's folder or a server in it is still there: $(ls "$work/tmp")"
        sleep 0.1
    done
}
