# Does throughput hold with many more clients than connections, and is everybody served alike?
#
# By transactions and not by time: pgbench's clock runs while thousands of clients log in. The pace is without that.
# shellcheck shell=bash disable=SC2154

part_growth() {
    local clients target round
    local counts transactions
    transactions=$(full_or_quick 60000 15000)
    read -ra counts <<<"$(full_or_quick "128 1000 5000" "128 500")"
    for clients in "${counts[@]}"; do
        start_targets growth simple "$clients"
        for ((round = 0; round < $(full_or_quick 5 1); round++)); do
            for target in "${chosen[@]}"; do
                run_pgbench growth "$clients" "$target" "$clients" -S -M simple -t $((transactions / clients)) -l --log-prefix="$work/growth"
                record_latency growth "$clients" "$target" "$work/growth"
            done
        done
    done
}
