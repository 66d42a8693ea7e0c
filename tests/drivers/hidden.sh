#!/usr/bin/env bash
# Not run by default: state of a session that no statement's text shows, such as a setting made within a function or the
# last value of a sequence outside of a transaction. A pool that only reads statements cannot keep all of it.
source "${here:?tests/drivers/run calls this}/shell.sh"

worker() {
  local n=$1
  export PGOPTIONS="-c search_path=w$n,public" n
  psql -qX <<SQL
CREATE SCHEMA w$n;
CREATE TABLE t (id serial, v text);
CREATE FUNCTION remember(v text) RETURNS void LANGUAGE plpgsql AS \$\$BEGIN PERFORM set_config('app.user_id', v, false); END\$\$;
CREATE FUNCTION scratch() RETURNS void LANGUAGE plpgsql AS \$\$BEGIN CREATE TEMP TABLE scratch AS SELECT $n AS mine; END\$\$;
CREATE FUNCTION locks() RETURNS void LANGUAGE plpgsql AS \$\$BEGIN PERFORM pg_advisory_lock($n); END\$\$;
CREATE FUNCTION listens() RETURNS void LANGUAGE plpgsql AS \$\$BEGIN EXECUTE 'LISTEN ch$n'; END\$\$;
SQL
  for part in sequences random settings do-block procedure temporary advisory listen process; do
    echo "$part"
    for _ in 1 2 3; do sed -n "/^-- $part\$/,/^\$/p" "$here/hidden.sql" | psql -qXAt -v n="$n" 2>&1; done
  done
}
workers worker
