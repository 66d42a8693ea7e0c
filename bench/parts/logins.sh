# How many clients can log in each second, and what does the proxy spend on one?
#
# SCRAM-SHA-256 from verifiers, with and without TLS (1.3, a P-256 certificate). A direct connection is let in without a password and
# forks a process for each; it is not comparable and left out.
# shellcheck shell=bash disable=SC2154

part_logins() {
    local way target round before after count what value
    start_targets logins simple 8
    for ((round = 0; round < $(full_or_quick 3 1); round++)); do
        for target in "${chosen[@]}"; do
            [[ -n ${pid_of[$target]:-} ]] || continue
            for way in plain tls; do
                before=$(cpu_of "$target")
                # shellcheck disable=SC2046
                clients_py "$target" logins "$(full_or_quick 4 1)" $([[ $way == plain ]] || echo tls) >"$work/logins.out"
                after=$(cpu_of "$target")
                count=$(sed -n 's/^count //p' "$work/logins.out")
                value=$(sed -n 's/^persecond //p' "$work/logins.out")
                for what in "persecond $value" "cpu $(awk "BEGIN { print ($after - $before) / $count * 1e6 }")"; do echo "$what"; done |
                    record_lines logins "$way" "$target"
            done
        done
    done
}
