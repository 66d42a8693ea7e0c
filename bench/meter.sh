# How a number is taken and kept. Sourced by bench/run.
#
# Every number is a line of results.tsv: part, cell, target, what, value. Rounds are lines of the same name, of which bench/report.py
# takes the median.
# shellcheck shell=bash disable=SC2154

record() { # part cell target what value
    printf '%s\t%s\t%s\t%s\t%s\n' "$@" >>"$work/results.tsv"
}

# Seconds of user and system time that a target has used; none for a direct connection.
cpu_of() { # target
    if [[ -n ${pid_of[$1]:-} ]]; then python3 bench/process.py cpu "${pid_of[$1]}"; else echo 0; fi
}

# How many seconds, rounds or clients: the first for a full run, the second for a quick one.
full_or_quick() {
    if [[ -n $quick ]]; then echo "$2"; else echo "$1"; fi
}

# Runs pgbench against a target, and records transactions a second and the target's time for each.
run_pgbench() { # part cell target clients options…
    local part=$1 cell=$2 target=$3 count=$4
    shift 4
    local threads=2 before after
    ((count > 1)) || threads=1
    before=$(cpu_of "$target")
    # The file descriptors of a thread's clients are waited for at once, so threads are few.
    PGPORT=${port[$target]} timeout 300 "$bin/pgbench" -n -c "$count" -j "$threads" -D scale="$scale" "$@" \
        >"$work/pgbench.out" 2>"$work/pgbench.err" || true
    if ! grep -q '^tps = ' "$work/pgbench.out"; then
        tail -n 5 "$work/pgbench.err" "$work/$target/log" >&2 || true
        record "$part" "$cell" "$target" failed 1
        say "  $cell $target: pgbench failed"
        return 0
    fi
    after=$(cpu_of "$target")
    awk -v name="$part	$cell	$target" -v before="$before" -v after="$after" '
        /^tps = / { tps = $3 }
        /^number of transactions actually processed/ { split($6, n, "/"); done = n[1] }
        END {
            printf "%s\ttps\t%s\n", name, tps
            if (after > before) printf "%s\tcpu\t%s\n", name, (after - before) / done * 1e6
        }
    ' "$work/pgbench.out" >>"$work/results.tsv"
    say "$(awk -v at="  $cell $target" '/^tps = / { printf "%-40s %9.0f a second", at, $3 }' "$work/pgbench.out")"
}

# Percentiles of the latencies in pgbench's log, microseconds, since a transaction was due.
record_latency() { # part cell target prefix of the log
    find "$work" -maxdepth 1 -name "$(basename "$4").*" -exec cut -d ' ' -f 3 {} + | sort -n |
        awk -v name="$1	$2	$3" '
            { at[NR] = $1 }
            END { if (NR) { printf "%s\tp50\t%s\n%s\tp99\t%s\n", name, at[int(NR * .5) + 1], name, at[int(NR * .99) + 1] } }' >>"$work/results.tsv"
    find "$work" -maxdepth 1 -name "$(basename "$4").*" -delete
}

# Once for caches and connections, uncounted.
warm_up() { # clients options…
    local target count=$1
    shift
    for target in "${chosen[@]}"; do
        PGPORT=${port[$target]} timeout 60 "$bin/pgbench" -n -c "$count" -j 2 -D scale="$scale" -T 1 "$@" >/dev/null 2>&1 || true
    done
}

# A client of our own, for what pgbench cannot do.
clients_py() { # target arguments…
    local target=$1
    shift
    timeout 400 python3 bench/clients.py --port "${port[$target]}" --user bench --password "$PGPASSWORD" "$@"
}

# The lines "what value" that such a client prints.
record_lines() { # part cell target
    local what value
    while read -r what value; do
        record "$1" "$2" "$3" "$what" "$value"
        say "  $2 $3: $what $value"
    done
}
