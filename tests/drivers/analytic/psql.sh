#!/usr/bin/env bash
# psql over analytic relations: reads.sql and errors.sql as they are, its own commands (\gdesc, \gset, \gexec, \bind, FETCH_COUNT,
# \watch, \copy), output formats, transactions, cursors, options on the command line, Ctrl-C. Steps are lines `name: `.
source "$SUITE/../shell.sh"

# Each statement with its name before it, as psql is to run them.
steps() { sed -E "/^-- /! s/\$/;/; s/^-- (.*)/\\\\echo '\1: '/" "$1"; }
slow="SELECT count(*) FROM events a, events b, events c, events d WHERE a.reading + b.reading + c.reading + d.reading < 0"

worker() {
  export PGAPPNAME="worker $1" PGOPTIONS=
  steps "$SUITE/reads.sql" >"$SCRATCH/reads.$1"
  steps "$SUITE/errors.sql" >"$SCRATCH/errors.$1"
  psql -qX -f "$SCRATCH/reads.$1"
  echo "unaligned, in sets of 7: "
  psql -qXAt -v FETCH_COUNT=7 -c "SELECT id, kind, price FROM events WHERE id < 30 ORDER BY id"
  echo "csv: "
  psql -qX --csv -c "SELECT id, doc, words FROM events WHERE id < 4 ORDER BY id"
  echo "described: "
  printf 'SELECT id, small, reading, ratio, price, ok, day, at, seen, doc, raw, marks FROM events \\gdesc\n' | psql -qX
  echo "errors: "
  psql -qX -v VERBOSITY=sqlstate -f "$SCRATCH/errors.$1" 2>&1 | sed -E 's/^psql:[^ ]* //'
  psql -qX -v n="$1" -f "$SUITE/psql.sql" 2>&1 | sed -E 's/^psql:[^ ]* //'
  echo "several strings: "
  psql -Xc "SELECT count(*) FROM events; SELECT 1; SELECT name FROM devices WHERE id = 2" -c "SELECT max(total) FROM daily"
  printf 'SELECT count(*) FROM events;\nSELECT nothing FROM events;\nSELECT 2;\n' | psql -XAt -v ON_ERROR_STOP=1 2>/dev/null
  echo "exit code $?"
  psql -Xq1 -c "SELECT count(*) FROM events" -c "SELECT count(*) FROM devices"
  echo "copied: "
  psql -Xqc "\\copy (SELECT id, kind, device, doc, words, raw FROM events WHERE id < 11 ORDER BY id) TO STDOUT"
  psql -Xqc "COPY (SELECT id, kind, device FROM events WHERE id < 6 ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER, NULL '-')"
  echo "timeout by environment: "
  PGOPTIONS="-c statement_timeout=200ms" psql -X -v VERBOSITY=sqlstate -c "$slow" -c "SELECT 1" 2>&1
  echo "zone by environment: "
  PGTZ=Asia/Tokyo psql -XAtc "SELECT seen, day FROM events WHERE id = 3"
  echo "Ctrl-C: "
  psql -X -v VERBOSITY=sqlstate -c "SELECT 'begun' FROM events WHERE id = 1" -c "$slow" -c "SELECT count(*) FROM events" >"$SCRATCH/cancel.$1" 2>&1 &
  local psql=$!
  until grep -qs begun "$SCRATCH/cancel.$1"; do sleep 0.05; done
  sleep 1; kill -INT $psql; wait $psql; echo "exit code $?"; cat "$SCRATCH/cancel.$1"
  true
}
workers worker
