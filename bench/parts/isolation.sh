# Do the OLTP side's statements suffer from eight clients that read long results from the analytic side?
#
# On two cores they do in any case, as the servers share them: the direct connections show how much of it is nobody's fault.
# shellcheck shell=bash disable=SC2154

part_isolation() {
    local target round seconds rate=2000
    seconds=$(full_or_quick 5 2)
    start_targets isolation simple 8
    for ((round = 0; round < $(full_or_quick 2 1); round++)); do
        for target in "${chosen[@]}"; do
            isolation_run quiet "$target"
            stream_to "$target"
            isolation_run streaming "$target"
            stop_stream
        done
    done
}

isolation_run() { # quiet or streaming, target
    run_pgbench isolation "$1" "$2" 4 -S -M extended -T "$seconds" -R "$rate" -l --log-prefix="$work/isolation"
    record_latency isolation "$1" "$2" "$work/isolation"
}

# The clients end with their input, whatever becomes of us.
stream_to() { # target
    local at=${port[$1]} database=postgres
    case $1 in
    direct) at=${port[analytic]} ;;
    tidegate) ;;
    *) database=analytic ;;
    esac
    exec {streaming}> >(exec python3 bench/clients.py --port "$at" --database "$database" --user bench --password "$PGPASSWORD" \
        stream 8 "SELECT * FROM orders" >&2)
    sleep 1
}

stop_stream() {
    exec {streaming}>&-
    sleep 0.5
}
