-- What psql does with analytic relations beside running statements. Errors show their SQLSTATE alone: the words are the server's.
\set VERBOSITY sqlstate
\echo 'variables: '
SELECT id AS chosen, kind AS its_kind FROM events WHERE id = 7 + :n \gset
SELECT count(*) FROM events WHERE id > :chosen AND kind = :'its_kind';
\echo 'generated: '
SELECT format('SELECT count(*) AS "%s" FROM events WHERE device = %s', name, id) FROM devices WHERE id < 4 ORDER BY id \gexec
\echo 'expanded: '
\x on
SELECT * FROM devices WHERE id = 3;
\x off
\echo 'a string of several: '
SELECT count(*) FROM events \; SELECT 1 AS one \; SELECT max(total) FROM daily;
SELECT count(*) FROM devices \; SELECT nothing FROM events \; SELECT 2;
\echo 'transactions: '
BEGIN;
SELECT count(*) FROM events;
SAVEPOINT a;
SELECT nothing FROM events;
SELECT count(*) FROM events;
ROLLBACK TO a;
SELECT count(*) FROM devices;
RELEASE a;
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT count(*) FROM events;
SELECT sum(events) FROM daily;
SELECT 1 / (id - id) FROM events;
COMMIT;
\echo 'ON_ERROR_ROLLBACK: '
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT nothing FROM events;
SELECT count(*) FROM events;
COMMIT;
\set ON_ERROR_ROLLBACK off
\echo 'cursors: '
BEGIN;
DECLARE c CURSOR FOR SELECT id, kind FROM events ORDER BY id;
FETCH 2 FROM c;
MOVE 10 IN c;
FETCH FORWARD 2 FROM c;
FETCH NEXT FROM c;
MOVE FORWARD ALL IN c;
FETCH c;
CLOSE c;
FETCH 1 FROM c;
ROLLBACK;
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT id FROM events ORDER BY id;
FETCH 1 FROM held;
COMMIT;
FETCH 2 FROM held;
CLOSE held;
DECLARE nowhere CURSOR FOR SELECT id FROM events;
\echo 'settings: '
SET TIME ZONE 'America/New_York';
SELECT seen, day FROM events WHERE id = 3;
SET search_path TO bi, public;
SELECT count(*) FROM accounts;
SELECT count(*) FROM events;
RESET search_path;
SELECT count(*) FROM accounts;
RESET ALL;
SELECT seen FROM events WHERE id = 3;
SET statement_timeout = '200ms';
SELECT count(*) FROM events a, events b, events c, events d WHERE a.reading + b.reading + c.reading + d.reading < 0;
DISCARD ALL;
SELECT count(*) FROM events;
