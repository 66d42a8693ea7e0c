#!/usr/bin/env bash
# pg_dump: eight databases are made by createdb, filled, dumped, restored into another database, dumped again and compared;
# once as text through a pipe, once in the custom format by pg_restore with three jobs. Then dropdb drops them.
source "${here:?tests/drivers/run calls this}/shell.sh"

# Without the random key of \restrict.
dump() { pg_dump "$@" | sed -E '/^\\(un)?restrict/d'; }

pipe() { pg_dump "$1" | psql -Xqo /dev/null -v ON_ERROR_STOP=1 "$2"; }

worker() {
  local n=$1 code=0
  createdb "d$n" || return
  psql -Xq -v ON_ERROR_STOP=1 -v n="$n" -f "$here/pg_dump.sql" "d$n" || return
  dump "d$n" >"$SCRATCH/d$n.sql" || return
  # The dump's transaction and the restoring client need a connection each.
  createdb "copy$n" && alone bash -o pipefail -c "pipe d$n copy$n"; echo "piped: exit code $?"
  dump "copy$n" | diff "$SCRATCH/d$n.sql" - && echo "the same again"
  pg_dump -Fc -f "$SCRATCH/d$n.custom" "d$n" && createdb -T template0 "custom$n" && pg_restore -j 3 -d "custom$n" "$SCRATCH/d$n.custom"; echo "restored: exit code $?"
  dump "custom$n" | diff "$SCRATCH/d$n.sql" - && echo "the same again"
  psql -XAtd "custom$n" -c "INSERT INTO shop.item (name, mood) VALUES ('next', 'ok') RETURNING id, price" \
    -c "SELECT * FROM shop.dear ORDER BY 1" -c "SELECT shop.twice(21)" -c "SELECT last_value FROM shop.numbers" -c "SELECT md5(lo_get(4711000 + $n))"
  for name in d copy custom; do dropdb "$name$n" || code=1; done
  psql -XAtc "SELECT count(*) FROM pg_database WHERE datname IN ('d$n', 'copy$n', 'custom$n')"
  [ "$n" = 0 ] && cat "$SCRATCH/d$n.sql"
  return $code
}
workers worker
