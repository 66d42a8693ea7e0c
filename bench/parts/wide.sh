# How fast does a long result pass, and does the proxy's memory stay as it is?
#
# A million rows of 100 bytes, and a gigabyte of COPY in either direction, by one client.
# shellcheck shell=bash disable=SC2154

part_wide() {
    local round target pid times megabytes
    times=$(full_or_quick 10 2) megabytes=$(full_or_quick 1024 50)
    start_targets wide simple 8
    for ((round = 0; round < $(full_or_quick 2 1); round++)); do
        for target in "${chosen[@]}"; do
            pid=${pid_of[$target]:-0}
            clients_py "$target" read "$pid" "SELECT * FROM wide" | record_lines wide rows "$target"
            clients_py "$target" read "$pid" "COPY (SELECT wide.* FROM wide, generate_series(1, $times)) TO STDOUT" |
                record_lines wide copy-out "$target"
            clients_py "$target" copy-in "$pid" "$megabytes" | record_lines wide copy-in "$target"
        done
    done
}
