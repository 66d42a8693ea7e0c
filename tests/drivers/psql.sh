#!/usr/bin/env bash
# psql: the script psql/worker.sql (see there), and what is given on the command line: several statements in one -c,
# -1, ON_ERROR_STOP, \copy from a pipe, options and PGTZ by environment, cancel by Ctrl-C.
source "${here:?tests/drivers/run calls this}/shell.sh"

state="SELECT current_setting('search_path'), current_setting('TimeZone'), nullif(current_setting('app.user_id', true), ''), current_setting('DateStyle'), current_setting('work_mem')"

worker() {
  local n=$1
  export n PGOPTIONS="-c search_path=w$n,public -c app.user_id=start$n" PGTZ=Asia/Tokyo PGAPPNAME="start $n"
  psql -qX -v n="$n" -f "$here/psql/worker.sql" 2>&1 | sed -E 's/PID [0-9]+/PID/; s/psql:[^ ]*worker.sql/worker.sql/'

  # One string is one transaction; several -c are not.
  psql -Xc "SELECT 1; INSERT INTO t$n (v) VALUES ('one string'); SELECT 1/0"
  psql -Xc "INSERT INTO t$n (v) VALUES ('one of two')" -c "SELECT 1/0" -c "SELECT v FROM t$n WHERE v LIKE 'one %'"
  psql -Xc "BEGIN; INSERT INTO t$n (v) VALUES ('in a block'); COMMIT; INSERT INTO t$n (v) VALUES ('after'); SELECT 1/0"
  psql -Xc "SET app.user_id = 'mine'; SET work_mem = '5MB'; SET DateStyle = 'SQL'; $state" -c "$state"
  psql -Xc "BEGIN; SET app.user_id = 'left open'; INSERT INTO t$n (v) VALUES ('left open')"
  psql -Xc "$state" -c "SELECT v FROM t$n WHERE v IN ('in a block', 'after', 'left open')" -c "SELECT * FROM who; SELECT count(*), sum(qty) FROM orders; SELECT current_user"
  PGOPTIONS="-c statement_timeout=100ms -c default_transaction_read_only=on" psql -Xc "SELECT pg_sleep(30)" -c "CREATE TABLE refused (i int)" -c "$state"
  printf 'SELECT 1;\nSELECT 1/0;\nSELECT 2;\n' | psql -XAt -v ON_ERROR_STOP=1; echo "exit code $?"
  printf "INSERT INTO t%s (v) VALUES ('one transaction');\nSELECT 1/0;\n" "$n" | psql -Xq1 -v ON_ERROR_STOP=1 -f -; echo "exit code $?"
  seq 5000 | psql -Xqc "CREATE TABLE numbers (i int)" -c "\\copy numbers FROM STDIN"
  psql -Xqc "\\copy (SELECT i FROM numbers ORDER BY i) TO STDOUT" | md5sum
  psql -XAtc "SELECT count(*), sum(i) FROM numbers"
  # Ctrl-C: the first statement sees to it that there is a connection.
  psql -Xc "BEGIN" -c "SELECT 'begun'" -c "SELECT pg_sleep(30)" -c "ROLLBACK" >"$SCRATCH/cancel.$n" 2>&1 &
  local psql=$!
  until grep -qs begun "$SCRATCH/cancel.$n"; do sleep 0.05; done
  sleep 0.2; kill -INT $psql; wait $psql; echo "cancelled: exit code $?"; cat "$SCRATCH/cancel.$n"
  true
}
workers worker
