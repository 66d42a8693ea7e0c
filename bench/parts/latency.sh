# How much longer does a statement take, for a client alone and at half of what the slowest target can do?
#
# All targets get the same number of transactions a second, so that none is measured in its own queue. A latency counts from when the
# transaction was due.
# shellcheck shell=bash disable=SC2154

part_latency() {
    local protocol clients=8 round target rate seconds rounds
    rounds=$(full_or_quick 5 1) seconds=$(full_or_quick 2 1)
    for protocol in simple extended prepared; do
        start_targets latency "$protocol" "$clients"
        : >"$work/peaks"
        for target in "${chosen[@]}"; do
            PGPORT=${port[$target]} "$bin/pgbench" -n -S -M "$protocol" -c "$clients" -j 2 -T "$(full_or_quick 2 1)" 2>/dev/null |
                sed -n 's/^tps = \([0-9]*\).*/\1/p' >>"$work/peaks"
        done
        rate=$(($(sort -n "$work/peaks" | head -n 1) / 2))
        for ((round = 0; round < rounds; round++)); do
            for target in "${chosen[@]}"; do
                run_pgbench latency "$protocol" "$target" "$clients" -S -M "$protocol" -T "$seconds" -R "$rate" -l --log-prefix="$work/latency"
                record_latency latency "$protocol" "$target" "$work/latency"
                run_pgbench latency "$protocol, alone" "$target" 1 -S -M "$protocol" -T 1 -l --log-prefix="$work/latency"
                record_latency latency "$protocol, alone" "$target" "$work/latency"
            done
        done
    done
}
