#!/usr/bin/env bash
# pgbench: tpcb-like in the three modes, with eight clients; a pipeline; a connection for each transaction; reads of orders
# between writes. A thread for each client: pgbench prepares in a blocking way, and would else wait for itself. The seed is fixed, so the sums of balances must be the same to the unit.
source "${here:?tests/drivers/run calls this}/shell.sh"

bench() { # TITLE OPTION...
  echo "== $1"; shift
  timeout "${HANGS:-60}" pgbench -n -c "$WORKERS" -j "$WORKERS" --random-seed=42 "$@" 2>&1 | grep -E 'actually processed|failed|mode|error|ERROR|abort'
  echo "exit code ${PIPESTATUS[0]}"
  psql -XAt <<SQL
SELECT sum(abalance), (SELECT sum(tbalance) FROM pgbench_tellers), (SELECT sum(bbalance) FROM pgbench_branches), count(*) FROM pgbench_accounts;
SELECT count(*), sum(delta), count(DISTINCT tid) FROM pgbench_history;
SQL
}

pgbench -i -s 1 -q >/dev/null 2>&1; echo "initialised: exit code $?"
for mode in simple extended prepared; do bench "tpcb-like, $mode" -M $mode -t 50; done
bench "select only, prepared" -S -M prepared -t 200
bench "a connection for each transaction" -C -M extended -t 5

cat >"$SCRATCH/pipeline.sql" <<'SQL'
\set aid random(1, 100000)
\set delta random(-5000, 5000)
\startpipeline
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:client_id, 1, :aid, :delta, CURRENT_TIMESTAMP);
END;
SELECT count(*) FROM orders WHERE qty = 3;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:client_id, 1, :aid, 1, CURRENT_TIMESTAMP);
\endpipeline
SQL
bench "pipeline, extended" -M extended -t 30 -f "$SCRATCH/pipeline.sql"
bench "pipeline, prepared" -M prepared -t 30 -f "$SCRATCH/pipeline.sql"

cat >"$SCRATCH/mixed.sql" <<'SQL'
\set q random(0, 6)
SELECT count(*) AS k FROM orders WHERE qty = :q \gset
BEGIN;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:client_id, 2, :q, :k, now());
SELECT sum(qty) AS s FROM orders \gset
UPDATE pgbench_branches SET bbalance = bbalance + :s WHERE bid = 1;
COMMIT;
SQL
for mode in simple extended prepared; do bench "orders between writes, $mode" -M $mode -t 20 -f "$SCRATCH/mixed.sql"; done

# The text of a prepared statement is the same for all, its table is another for each.
psql -Xq -c "$(for n in $(seq 0 $((WORKERS - 1))); do echo "CREATE SCHEMA w$n; CREATE TABLE w$n.who AS SELECT $n AS n;"; done)"
cat >"$SCRATCH/path.sql" <<'SQL'
SELECT set_config('search_path', 'w' || :client_id || ', public', false);
\set i 0
SELECT n FROM who \gset
SELECT 1 / (CASE WHEN :n = :client_id AND current_schema() = 'w' || :client_id THEN 1 ELSE 0 END);
SELECT n FROM who \gset
SELECT 1 / (CASE WHEN :n = :client_id THEN 1 ELSE 0 END);
SQL
for mode in simple extended; do bench "search_path, $mode" -M $mode -t 20 -f "$SCRATCH/path.sql"; done
