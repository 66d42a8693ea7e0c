# Does it matter that every statement is another text?
#
# The same read with a random key in its text, and with the same key each time. Both compute the random number, so that pgbench has the same to do.
# shellcheck shell=bash disable=SC2154

part_literals() {
    local random="\\set aid random(1, 100000 * :scale)" which target round
    printf '%s\n' "$random" "SELECT abalance FROM pgbench_accounts WHERE aid = 4711;" >"$work/same.sql"
    printf '%s\n' "$random" "SELECT abalance FROM pgbench_accounts WHERE aid = :aid;" >"$work/random.sql"
    start_targets literals simple 8
    warm_up 8 -S
    for ((round = 0; round < $(full_or_quick 5 1); round++)); do
        for target in "${chosen[@]}"; do
            for which in same random; do
                run_pgbench literals "$which" "$target" 8 -M simple -T "$(full_or_quick 2 1)" -f "$work/$which.sql"
            done
        done
    done
}
