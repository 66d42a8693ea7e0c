# What the shell scripts share: workers as background processes. Sourced.
# shellcheck shell=bash
set -uo pipefail
set -a # the workers are processes of their own, with all functions and variables

# workers FUNCTION: calls it with 0, 1, …, all at once, and prints what each has said, one after the other
workers() {
  local n code=0 pids=()
  for n in $(seq 0 $((WORKERS - 1))); do
    # shellcheck disable=SC2016
    timeout -k 2 "${HANGS:-60}" bash -uo pipefail -c '"$1" "$2"' _ "$1" "$n" >"$SCRATCH/worker.$n" 2>&1 </dev/null &
    pids+=($!)
  done
  for n in $(seq 0 $((WORKERS - 1))); do wait "${pids[n]}" || { printf '\nBROKEN: exit code %s (124: it hangs)\n' $? >>"$SCRATCH/worker.$n"; code=1; }; done
  for n in $(seq 0 $((WORKERS - 1))); do echo "== worker $n"; cat "$SCRATCH/worker.$n"; done
  return $code
}

# alone COMMAND...: one worker at a time, for what needs two connections at once
alone() { flock "$SCRATCH/alone" "$@"; }
