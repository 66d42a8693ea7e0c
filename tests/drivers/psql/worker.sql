-- One session of psql, run by eight at once as worker :n. Checks: settings and their RESET to startup options, variables,
-- \gset, \gexec, \gdesc, FETCH_COUNT, ON_ERROR_ROLLBACK, held cursors, temporary tables, advisory locks, LISTEN,
-- PREPARE, sequences, savepoints, two-phase commit, \c. Errors are printed with everything they have.
\set VERBOSITY verbose
\set state 'SELECT current_setting(''search_path''), current_setting(''TimeZone''), current_setting(''application_name''), nullif(current_setting(''app.user_id'', true), ''''), current_user, current_setting(''statement_timeout''), ''2024-06-01 12:00+00''::timestamptz;'
\set locks 'SELECT count(*) FROM pg_locks WHERE locktype = ''advisory'' AND pid = pg_backend_pid();'

\echo startup options
:state
SELECT format('CREATE SCHEMA w%s', :n) UNION ALL SELECT format('GRANT USAGE ON SCHEMA w%s TO PUBLIC', :n)
UNION ALL SELECT format('CREATE TABLE w%s.who AS SELECT %s', :n, CASE WHEN :n % 2 = 1 THEN :'n' || ' AS n' ELSE quote_literal('w' || :n) || ' AS name, 1.5 AS n' END)
UNION ALL SELECT format('GRANT ALL ON w%s.who TO PUBLIC', :n)
UNION ALL SELECT format('CREATE TABLE t%s (id serial PRIMARY KEY, v text UNIQUE)', :n) \gexec
SELECT 't' || :n AS t, 'w' || :n AS w, (ARRAY['Asia/Kolkata', 'America/New_York', 'Europe/Paris'])[1 + :n % 3] AS zone \gset

\echo settings
SET TIME ZONE :'zone';
SET application_name = :'w';
SELECT set_config('app.user_id', :'n', false);
SET statement_timeout = '41s';
SET search_path TO :w, public;
SET ROLE :w;
\! "$here/psql/meet" settings "$n"
:state
SELECT * FROM who;
SELECT * FROM who \gdesc
:state
SELECT count(*), sum(qty) FROM orders;
SELECT count(*), sum(qty) FROM orders \gdesc
SELECT * FROM who;
:state
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SHOW transaction_isolation;
CREATE TABLE refused (i int);
\! "$here/psql/meet" checked "$n"
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
RESET ROLE;
RESET TIME ZONE;
RESET search_path;
:state
RESET ALL;
:state
SET SESSION AUTHORIZATION :w;
SELECT session_user, current_user;
RESET SESSION AUTHORIZATION;
SELECT session_user, current_user;

\echo settings in transactions
BEGIN;
SET LOCAL app.user_id = 'local';
SET application_name = 'kept';
SAVEPOINT a;
SET TimeZone = 'America/Lima';
:state
ROLLBACK TO a;
:state
COMMIT;
:state
BEGIN;
SET application_name = 'undone';
SELECT set_config('app.user_id', 'undone', false);
SELECT 1/0;
SELECT 'aborted';
COMMIT;
:state
BEGIN READ ONLY;
INSERT INTO :t (v) VALUES ('x');
ROLLBACK;
SET LOCAL app.user_id = 'no transaction';
BEGIN;
BEGIN;
COMMIT AND CHAIN;
SHOW transaction_isolation;
ROLLBACK;
COMMIT;

\echo sequences
BEGIN;
INSERT INTO :t (v) SELECT 'v' || i FROM generate_series(1, 100) i;
SELECT lastval(), currval(:'t' || '_id_seq');
SELECT count(*), sum(qty) FROM orders;
INSERT INTO :t (v) VALUES ('returned') RETURNING id, lastval();
COMMIT;

\echo ON_ERROR_ROLLBACK
\set ON_ERROR_ROLLBACK on
BEGIN;
INSERT INTO :t (v) VALUES ('healed');
INSERT INTO :t (v) VALUES ('v1');
SELECT nonsense;
SELECT sum(nonsense) FROM orders;
INSERT INTO :t (v) VALUES ('healed again');
COMMIT;
\set ON_ERROR_ROLLBACK off
SELECT v FROM :t WHERE v LIKE 'healed%' ORDER BY v;

\echo FETCH_COUNT
\set FETCH_COUNT 30
SELECT id FROM :t WHERE id < 70 ORDER BY id;
SELECT 10 / (5 - i) FROM generate_series(1, 9) i;
BEGIN;
SELECT id FROM :t WHERE id < 35 ORDER BY id;
COMMIT;
\set FETCH_COUNT 0

\echo cursors
BEGIN;
DECLARE same_name SCROLL CURSOR FOR SELECT v FROM :t ORDER BY id;
FETCH 3 FROM same_name;
MOVE 10 IN same_name;
FETCH BACKWARD 2 FROM same_name;
SAVEPOINT a;
CLOSE same_name;
ROLLBACK TO a;
FETCH 1 FROM same_name;
COMMIT;
FETCH 1 FROM same_name;
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT id FROM :t ORDER BY id;
COMMIT;
FETCH 2 FROM held;
SELECT name, is_holdable FROM pg_cursors WHERE name <> '';
FETCH 2 FROM held;
CLOSE held;
FETCH 2 FROM held;
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT id FROM :t ORDER BY id DESC;
COMMIT;
FETCH 1 FROM held;
CLOSE ALL;

\echo prepared
PREPARE same_name (int) AS SELECT :n + $1 AS sum, * FROM who;
EXECUTE same_name (100);
SELECT name, statement, parameter_types FROM pg_prepared_statements;
BEGIN;
EXECUTE same_name (200);
SELECT 1/0;
ROLLBACK;
EXECUTE same_name (300);
EXPLAIN (COSTS OFF) EXECUTE same_name (1);
PREPARE same_name AS SELECT 2;
DEALLOCATE same_name;
EXECUTE same_name (400);
BEGIN;
PREPARE same_name AS SELECT 'rolled back, but still there';
ROLLBACK;
EXECUTE same_name;
DEALLOCATE ALL;
EXECUTE same_name;

\echo temporary
CREATE TEMP TABLE scratch AS SELECT :n AS mine;
SELECT * FROM scratch;
INSERT INTO scratch VALUES (:n + 100);
BEGIN;
SELECT sum(mine) FROM scratch;
TRUNCATE scratch;
ROLLBACK;
SELECT sum(mine) FROM scratch;
DROP TABLE scratch;
SELECT * FROM scratch;
CREATE TEMP VIEW scratch AS SELECT :n AS mine;
SELECT * FROM scratch;
DISCARD TEMP;
SELECT * FROM scratch;
BEGIN;
CREATE TEMP TABLE scratch (i int) ON COMMIT DROP;
INSERT INTO scratch VALUES (:n);
SELECT * FROM scratch;
COMMIT;
SELECT * FROM scratch;
SELECT :n AS made INTO TEMP scratch;
SELECT * FROM scratch;
DROP TABLE scratch;
CREATE TEMP SEQUENCE counter;
SELECT nextval('counter'), nextval('counter');
SELECT currval('counter');
DROP SEQUENCE counter;

\echo advisory
SELECT pg_advisory_lock(:n), pg_advisory_lock(:n);
:locks
SELECT pg_advisory_unlock(:n);
:locks
SELECT pg_advisory_unlock(:n);
:locks
SELECT pg_advisory_unlock(:n);
BEGIN;
SELECT pg_advisory_xact_lock(:n);
:locks
COMMIT;
:locks
SELECT pg_try_advisory_lock_shared(1, :n);
SELECT pg_advisory_unlock_all();
:locks

\echo notifications
LISTEN :w;
NOTIFY :w, 'self';
SELECT pg_listening_channels();
BEGIN;
NOTIFY :w, 'in transaction';
NOTIFY :w, 'in transaction';
SELECT 'before';
COMMIT;
BEGIN;
NOTIFY :w, 'undone';
ROLLBACK;
UNLISTEN :w;
NOTIFY :w, 'nobody';
SELECT pg_listening_channels();
UNLISTEN *;
\! "$here/psql/idle" "$n"

\echo two-phase
BEGIN;
INSERT INTO :t (v) VALUES ('two-phase');
PREPARE TRANSACTION :'w';
SELECT count(*) FROM :t WHERE v = 'two-phase';
COMMIT PREPARED :'w';
SELECT count(*) FROM :t WHERE v = 'two-phase';

\echo several statements in one
SELECT 1 \; SELECT * FROM who \; INSERT INTO :t (v) VALUES ('several') \; SELECT 2;
SELECT 1 \; INSERT INTO :t (v) VALUES ('undone') \; SELECT 1/0 \; SELECT 2;
BEGIN \; INSERT INTO :t (v) VALUES ('begun') \; COMMIT \; INSERT INTO :t (v) VALUES ('undone') \; SELECT 1/0;
SET app.user_id = 'one' \; SELECT current_setting('app.user_id') \; SELECT count(*) FROM orders;
SET app.user_id = 'undone' \; SELECT 1/0;
:state
SELECT v FROM :t WHERE v IN ('several', 'undone', 'begun');

\echo functions and notices
CREATE FUNCTION f(i int) RETURNS int LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE 'called with %', i; RETURN 10 / i; END$$;
SELECT f(1), f(0);
CREATE FUNCTION g() RETURNS text LANGUAGE sql SET app.user_id = 'within' AS $$SELECT current_setting('app.user_id')$$;
SELECT g(), current_setting('app.user_id');
CREATE PROCEDURE p() LANGUAGE plpgsql AS $$BEGIN
  INSERT INTO who SELECT * FROM who; COMMIT; INSERT INTO who SELECT * FROM who; ROLLBACK; END$$;
CALL p();
SELECT count(*) FROM who;
DO $$BEGIN CREATE TEMP TABLE hidden AS SELECT 1 AS i; DROP TABLE hidden; END$$;
SELECT lo_from_bytea(7000 + :n, 'large') \gset
SELECT oid, lomowner::regrole FROM pg_largeobject_metadata WHERE oid = 7000 + :n;
SELECT lo_get(7000 + :n), lo_unlink(7000 + :n);
VACUUM :t;
ANALYZE :t;
EXPLAIN (COSTS OFF) SELECT * FROM :t WHERE id = 1;
\d t:n

\echo discard and reconnect
SET app.user_id = 'old';
PREPARE old AS SELECT 1;
DISCARD ALL;
:state
EXECUTE old;
SET app.user_id = 'old';
\c -
:state
SELECT * FROM who LIMIT 1;
