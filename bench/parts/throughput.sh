# How many single-row reads a second, and what does the proxy spend on each?
#
# `pgbench -S`: one row by primary key, in the three protocols. All statements go to the OLTP side; the analytic one is there, so that
# routing has something to decide. Without TLS, but for one cell between the proxies.
# shellcheck shell=bash disable=SC2154

part_throughput() {
    local protocol clients round target
    local rounds seconds
    rounds=$(full_or_quick 7 1) seconds=1
    local counts
    read -ra counts <<<"$(full_or_quick "1 8 32 128" "1 8")"
    for protocol in simple extended prepared; do
        for clients in "${counts[@]}"; do
            start_targets throughput "$protocol" "$clients"
            [[ -n $quick ]] || warm_up "$clients" -S -M "$protocol"
            for ((round = 0; round < rounds; round++)); do
                for target in "${chosen[@]}"; do
                    run_pgbench throughput "$protocol/$clients" "$target" "$clients" -S -M "$protocol" -T "$seconds"
                done
            done
        done
    done
    start_targets throughput tls 8
    for ((round = 0; round < rounds; round++)); do
        for target in "${chosen[@]}"; do
            PGSSLMODE=require run_pgbench throughput "simple with TLS/8" "$target" 8 -S -M simple -T "$seconds"
        done
    done
}
