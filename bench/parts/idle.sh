# What does a client cost that has run something and is quiet now?
# shellcheck shell=bash disable=SC2154

part_idle() {
    local target count
    count=$(full_or_quick 10000 1000)
    start_targets idle simple "$count"
    for target in "${chosen[@]}"; do
        [[ -n ${pid_of[$target]:-} ]] || continue
        clients_py "$target" idle "$count" "${pid_of[$target]}" | record_lines idle "$count" "$target"
    done
}
