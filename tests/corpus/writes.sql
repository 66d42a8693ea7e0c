INSERT INTO orders VALUES (1)
insert into orders (id, total) values (1, 2.5), (2, 3)
INSERT INTO orders DEFAULT VALUES
INSERT INTO orders AS o (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = o.id RETURNING *
INSERT INTO orders (id) VALUES (1) ON CONFLICT DO NOTHING
INSERT INTO orders (id) VALUES (1) ON CONFLICT ON CONSTRAINT orders_pkey DO NOTHING
INSERT INTO orders (id) OVERRIDING SYSTEM VALUE VALUES (1)
INSERT INTO orders (id) OVERRIDING USER VALUE SELECT 1
INSERT INTO orders SELECT * FROM customers
INSERT INTO orders TABLE customers
INSERT INTO orders WITH x AS (SELECT 1) SELECT * FROM x
INSERT INTO public.orders (id) VALUES ($1) RETURNING id
INSERT INTO "orders" ("id") VALUES ('1')
INSERT INTO "public"."orders" VALUES (DEFAULT)
UPDATE orders SET total = 0
UPDATE ONLY orders SET total = 0 WHERE id = 1
UPDATE orders * SET total = 0
UPDATE orders AS o SET total = c.n FROM customers c WHERE c.id = o.id
UPDATE orders SET (a, b) = (SELECT 1, 2) RETURNING a
UPDATE orders SET (a, b) = ROW (1, 2)
UPDATE orders SET a = DEFAULT WHERE CURRENT OF c
UPDATE "orders" SET arr[1] = 2, comp.f = 3
UPDATE public.orders SET total = total + 1 WHERE id IN (SELECT id FROM customers)
DELETE FROM orders
DELETE FROM ONLY orders WHERE id = 1 RETURNING *
DELETE FROM orders o USING customers c WHERE o.id = c.id
DELETE FROM orders WHERE CURRENT OF c
DELETE FROM "public" . "orders"
MERGE INTO orders o USING customers c ON o.id = c.id WHEN MATCHED THEN UPDATE SET total = 1
MERGE INTO orders USING customers ON true WHEN NOT MATCHED THEN INSERT (id) VALUES (1)
MERGE INTO orders o USING (SELECT 1 AS id) s ON o.id = s.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN DO NOTHING
MERGE INTO ONLY orders USING customers ON true WHEN MATCHED AND a > 1 THEN DELETE
WITH s AS (SELECT 1) MERGE INTO orders USING s ON true WHEN MATCHED THEN DELETE
TRUNCATE orders
TRUNCATE TABLE orders
TRUNCATE TABLE ONLY orders RESTART IDENTITY CASCADE
TRUNCATE customers, orders
COPY orders FROM STDIN
COPY orders (id, total) FROM STDIN WITH (FORMAT csv, HEADER)
COPY orders FROM '/tmp/orders.csv'
COPY orders FROM PROGRAM 'curl http://x'
COPY orders TO '/tmp/orders.csv'
COPY orders TO PROGRAM 'sh'
COPY BINARY orders FROM STDIN
COPY public.orders FROM STDIN DELIMITERS ',' WITH NULL AS ''
COPY (INSERT INTO orders VALUES (1) RETURNING *) TO STDOUT
COPY (UPDATE orders SET a = 1 RETURNING *) TO STDOUT
COPY (DELETE FROM orders RETURNING *) TO STDOUT
COPY (WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x) TO STDOUT
COPY (SELECT * FROM orders FOR UPDATE) TO STDOUT
COPY (SELECT nextval('s') FROM orders) TO STDOUT
COPY (SELECT * FROM orders) TO '/tmp/x'
COPY (SELECT * FROM orders) TO PROGRAM 'sh'
SELECT * FROM orders FOR UPDATE
SELECT * FROM orders FOR NO KEY UPDATE
SELECT * FROM orders FOR SHARE
SELECT * FROM orders FOR KEY SHARE
SELECT * FROM orders FOR UPDATE NOWAIT
SELECT * FROM orders FOR UPDATE SKIP LOCKED
SELECT * FROM orders o JOIN customers c USING (id) FOR UPDATE OF o
SELECT * FROM orders o, customers c FOR UPDATE OF o FOR SHARE OF c
SELECT * FROM orders o, customers c FOR NO KEY UPDATE OF o, c NOWAIT
SELECT * FROM orders LIMIT 1 FOR UPDATE
SELECT * FROM orders FOR UPDATE LIMIT 1
SELECT * FROM orders ORDER BY id FOR SHARE OFFSET 1
SELECT * FROM (SELECT * FROM orders FOR UPDATE) x
SELECT 1 WHERE EXISTS (SELECT 1 FROM orders FOR KEY SHARE)
SELECT (SELECT id FROM orders LIMIT 1 FOR UPDATE)
(SELECT * FROM orders FOR UPDATE)
(SELECT * FROM orders) FOR UPDATE
WITH x AS (SELECT * FROM orders FOR UPDATE) SELECT * FROM x
WITH x AS MATERIALIZED (SELECT * FROM orders FOR NO KEY UPDATE SKIP LOCKED) SELECT count(*) FROM x
SELECT * FROM customers WHERE id IN (SELECT id FROM orders FOR SHARE)
TABLE orders FOR UPDATE
SELECT 1 FROM orders UNION ALL (SELECT 1 FROM orders FOR UPDATE)
WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x
WITH x AS (UPDATE orders SET a = 1 RETURNING a) SELECT a FROM x
WITH x AS (INSERT INTO orders VALUES (1) RETURNING *) SELECT * FROM x
WITH x AS (MERGE INTO orders USING c ON true WHEN MATCHED THEN DELETE RETURNING *) SELECT * FROM x
WITH x AS (INSERT INTO orders VALUES (1)) SELECT 1
WITH a AS (SELECT 1), b AS (DELETE FROM orders) SELECT * FROM a
WITH a AS (SELECT 1), b AS (DELETE FROM orders), c AS (SELECT 2) TABLE a
WITH RECURSIVE r AS (SELECT 1), x AS (DELETE FROM orders RETURNING id) SELECT * FROM r, x
WITH x AS MATERIALIZED (DELETE FROM orders RETURNING *) SELECT * FROM x
WITH x AS NOT MATERIALIZED (UPDATE orders SET a = 1 RETURNING *) VALUES (1)
WITH x (a, b) AS (DELETE FROM orders RETURNING a, b) SELECT a FROM x
WITH x AS (WITH y AS (SELECT 1) DELETE FROM orders USING y RETURNING 1) SELECT * FROM x
WITH x AS (SELECT 1) INSERT INTO orders SELECT * FROM x
WITH x AS (SELECT 1) UPDATE orders SET a = 1
WITH x AS (SELECT 1) DELETE FROM orders
WITH orders AS (DELETE FROM orders RETURNING *) SELECT * FROM orders
(WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x)
((WITH x AS (DELETE FROM orders RETURNING *) TABLE x))
WITH x AS (DELETE FROM orders RETURNING *) SELECT 1 UNION SELECT 2
SELECT * INTO archive FROM orders
SELECT * INTO TEMP archive FROM orders
SELECT * INTO TEMPORARY TABLE archive FROM orders
SELECT * INTO UNLOGGED archive FROM orders
SELECT * INTO TABLE archive FROM orders
SELECT id INTO orders FROM customers
SELECT DISTINCT a INTO orders FROM t UNION SELECT b FROM u
WITH x AS (SELECT 1 AS a) SELECT a INTO orders FROM x
SELECT 1 AS a INTO pg_temp.orders
CREATE TABLE orders (id int PRIMARY KEY)
CREATE TABLE IF NOT EXISTS orders (id int)
CREATE TEMP TABLE orders (id int)
CREATE UNLOGGED TABLE orders (id int)
CREATE TABLE archive AS SELECT * FROM orders
CREATE TEMP TABLE archive ON COMMIT DROP AS SELECT * FROM orders
CREATE TABLE archive AS TABLE orders WITH NO DATA
CREATE TABLE archive AS EXECUTE p
CREATE TABLE archive (LIKE orders INCLUDING ALL)
CREATE TABLE part PARTITION OF orders FOR VALUES IN (1)
CREATE TABLE child () INHERITS (orders)
CREATE TABLE t (id int REFERENCES orders)
CREATE VIEW v AS SELECT * FROM orders
CREATE OR REPLACE VIEW orders AS SELECT 1
CREATE RECURSIVE VIEW v (n) AS SELECT 1 FROM orders
CREATE MATERIALIZED VIEW mv AS SELECT count(*) FROM orders
REFRESH MATERIALIZED VIEW orders
REFRESH MATERIALIZED VIEW CONCURRENTLY orders WITH NO DATA
DROP TABLE orders
DROP TABLE IF EXISTS orders, customers CASCADE
DROP VIEW orders
DROP MATERIALIZED VIEW orders
DROP INDEX CONCURRENTLY orders_idx
DROP SEQUENCE orders_id_seq
ALTER TABLE orders ADD COLUMN a int
ALTER TABLE orders DROP COLUMN a
ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES customers (id)
ALTER TABLE orders ADD FOREIGN KEY (a) REFERENCES customers
ALTER TABLE orders ADD CONSTRAINT u UNIQUE (a)
ALTER TABLE orders ADD CHECK (a > 0)
ALTER TABLE orders ADD CONSTRAINT c CHECK (a > 0) NOT VALID
ALTER TABLE orders ADD EXCLUDE USING gist (r WITH &&)
ALTER TABLE orders ADD PRIMARY KEY (id)
ALTER TABLE orders ALTER COLUMN a SET NOT NULL
ALTER TABLE orders ALTER a TYPE bigint USING a::bigint
ALTER TABLE orders VALIDATE CONSTRAINT c
ALTER TABLE orders DISABLE TRIGGER ALL
ALTER TABLE orders ENABLE ROW LEVEL SECURITY
ALTER TABLE orders RENAME TO old_orders
ALTER TABLE orders SET SCHEMA archive
ALTER TABLE orders OWNER TO bob
ALTER TABLE orders ATTACH PARTITION p FOR VALUES IN (1)
ALTER TABLE ONLY orders REPLICA IDENTITY FULL
ALTER VIEW orders RENAME TO x
ALTER MATERIALIZED VIEW orders SET SCHEMA x
ALTER SEQUENCE orders_id_seq RESTART WITH 1
ALTER TABLE orders SWAP WITH customers
ALTER TABLE orders DROP CONNECTOR
CREATE INDEX ON orders (id)
CREATE UNIQUE INDEX u ON orders (id)
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS u ON public.orders USING btree (lower(a)) WHERE a IS NOT NULL
CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f()
CREATE CONSTRAINT TRIGGER t AFTER UPDATE ON orders DEFERRABLE EXECUTE PROCEDURE f()
CREATE OR REPLACE RULE r AS ON SELECT TO orders DO INSTEAD SELECT 1
CREATE RULE r AS ON INSERT TO customers DO ALSO (INSERT INTO orders VALUES (1); DELETE FROM orders)
CREATE POLICY p ON orders FOR SELECT USING (true)
DROP TRIGGER t ON orders
DROP RULE r ON orders
ALTER POLICY p ON orders USING (false)
GRANT SELECT ON orders TO bob
GRANT INSERT (a, b), UPDATE ON TABLE orders TO bob WITH GRANT OPTION
GRANT ALL ON ALL TABLES IN SCHEMA public TO bob
REVOKE ALL PRIVILEGES ON orders FROM PUBLIC
COMMENT ON TABLE orders IS 'x'
COMMENT ON COLUMN orders.id IS NULL
SECURITY LABEL FOR x ON TABLE orders IS 'y'
VACUUM orders
VACUUM (FULL, ANALYZE) orders
VACUUM FULL ANALYZE orders
ANALYZE orders
ANALYZE VERBOSE orders (id)
REINDEX TABLE orders
REINDEX (VERBOSE) TABLE CONCURRENTLY orders
CLUSTER orders USING orders_pkey
LOCK TABLE orders
LOCK orders IN ACCESS SHARE MODE
LOCK TABLE ONLY orders IN EXCLUSIVE MODE NOWAIT
EXPLAIN ANALYZE DELETE FROM orders
EXPLAIN ANALYSE DELETE FROM orders
EXPLAIN ANALYZE VERBOSE UPDATE orders SET a = 1
EXPLAIN (ANALYZE) INSERT INTO orders VALUES (1)
EXPLAIN (ANALYZE true, BUFFERS) DELETE FROM orders
EXPLAIN (ANALYZE on, FORMAT json) DELETE FROM orders
EXPLAIN (ANALYZE 1) DELETE FROM orders
EXPLAIN (ANALYZE 'true') DELETE FROM orders
EXPLAIN (VERBOSE, ANALYZE, WAL) WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x
EXPLAIN ( /* ( */ ANALYZE) DELETE FROM orders
EXPLAIN ANALYZE SELECT * FROM orders FOR UPDATE
EXPLAIN ANALYZE CREATE TABLE t AS SELECT * FROM orders
EXPLAIN ANALYZE SELECT nextval('s') FROM orders
EXPLAIN ANALYZE EXECUTE delete_orders
EXPLAIN DELETE FROM orders
PREPARE p AS DELETE FROM orders
PREPARE p (int, text) AS INSERT INTO orders VALUES ($1, $2)
PREPARE p AS SELECT * FROM orders FOR UPDATE
PREPARE p AS WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x
PREPARE p AS MERGE INTO orders USING c ON true WHEN MATCHED THEN DELETE
PREPARE p AS SELECT nextval('orders_id_seq') FROM orders
EXECUTE delete_orders
DECLARE c CURSOR FOR SELECT * FROM orders FOR UPDATE
DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT * FROM orders FOR SHARE
DECLARE c CURSOR FOR SELECT nextval('s') FROM orders
DO $$ BEGIN DELETE FROM orders; END $$
DO LANGUAGE plpgsql 'BEGIN DELETE FROM orders; END'
CALL delete_orders()
CALL public.delete_orders(1, 'x')
SELECT nextval('s') FROM orders
SELECT pg_catalog.nextval('s') FROM orders
SELECT "nextval"('s') FROM orders
SELECT setval('s', 1) FROM orders
SELECT set_config('role', 'admin', false) FROM orders
SELECT lo_unlink(id) FROM orders
SELECT lo_create(0), lo_import('/etc/passwd') FROM orders
SELECT lo_export(id, '/tmp/x') FROM orders
SELECT dblink_exec('host=x', 'delete from orders') FROM orders
SELECT * FROM orders, dblink('host=x', 'delete from orders') AS t (a int)
SELECT pg_advisory_lock(id) FROM orders
SELECT pg_try_advisory_xact_lock(1) FROM orders
SELECT pg_notify('c', id::text) FROM orders
SELECT pg_terminate_backend(pid) FROM orders
SELECT pg_cancel_backend(1) FROM orders
SELECT pg_reload_conf() FROM orders
SELECT pg_read_file('/etc/passwd') FROM orders
SELECT pg_logical_emit_message(true, 'a', 'b') FROM orders
SELECT query_to_xml('delete from orders', true, true, '') FROM orders
SELECT txid_current() FROM orders
SELECT my_writer() FROM orders
SELECT public.lower(a) FROM orders
SELECT * FROM orders WHERE my_writer(id)
SELECT * FROM orders ORDER BY my_writer(id)
SELECT * FROM orders LIMIT my_writer()
SELECT count(*) FILTER (WHERE my_writer(id)) FROM orders
SELECT sum(a) OVER (PARTITION BY my_writer(id)) FROM orders
SELECT sum(a) OVER w FROM orders WINDOW w AS (ORDER BY my_writer(id))
SELECT array_agg(a ORDER BY my_writer(id)) FROM orders
SELECT CASE WHEN true THEN my_writer() END FROM orders
SELECT ARRAY[my_writer()] FROM orders
SELECT ARRAY(SELECT my_writer()) FROM orders
SELECT * FROM orders, LATERAL my_writer(id) x
SELECT * FROM orders JOIN customers ON my_writer(orders.id)
SELECT * FROM orders GROUP BY GROUPING SETS ((my_writer(id)), ())
SELECT * FROM orders WHERE id IN (1, my_writer())
SELECT * FROM orders WHERE id BETWEEN 1 AND my_writer()
SELECT * FROM orders WHERE a LIKE my_writer()
SELECT * FROM orders WHERE a = ANY (my_writer())
SELECT a[my_writer()] FROM orders
SELECT (my_writer(o)).x FROM orders o
SELECT my_writer(VARIADIC ARRAY[1]) FROM orders
SELECT * FROM ROWS FROM (my_writer(), generate_series(1, 2)) x, orders
SELECT * FROM orders TABLESAMPLE system (my_writer())
VALUES ((SELECT my_writer() FROM orders))
SELECT a OPERATOR(public.+) b FROM orders
SELECT a <@@> b FROM orders
SELECT DISTINCT ON (my_writer(id)) * FROM orders
SELECT extract(year FROM my_writer(id)) FROM orders
SELECT substring(my_writer(id) FROM 1) FROM orders
SELECT coalesce(my_writer(id), 1) FROM orders
SELECT xmlelement(name a, my_writer(id)) FROM orders
SELECT U&"my\005fwriter"() FROM orders
/* SELECT */ DELETE FROM orders
-- SELECT 1
DELETE/**/FROM/**/orders
dElEtE fRoM oRdErS
DELETE FROM U&"\006frders"
DELETE FROM orders; SELECT 1
SELECT 1 FROM orders; DELETE FROM orders
SELECT 1 FROM orders;;DELETE FROM orders;
BEGIN; DELETE FROM orders; COMMIT
SELECT 1 /* /* */ */ FROM orders; DELETE FROM orders
SELECT 1+--x
SELECT $$ $$ FROM orders; DELETE FROM orders
SELECT 'a\'; DELETE FROM orders; --'
SELECT E'a\'' FROM orders FOR UPDATE
SELECT $a$ ' $a$ FROM orders FOR /* x */ UPDATE
SELECT 1 FROM orders FOR/**/UPDATE
/* tidegate: to=analytic */ DELETE FROM orders
/* tidegate: to=analytic */ SELECT * FROM orders FOR UPDATE
SET CONSTRAINTS ALL IMMEDIATE
NOTIFY orders, 'x'
IMPORT FOREIGN SCHEMA a FROM SERVER b INTO orders
CREATE FUNCTION f() RETURNS int BEGIN ATOMIC DELETE FROM orders; SELECT 1; END
CREATE OR REPLACE PROCEDURE p() LANGUAGE sql AS $$ DELETE FROM orders $$
CREATE PUBLICATION p FOR TABLE orders
ALTER PUBLICATION p ADD TABLE orders
CREATE STATISTICS s ON a, b FROM orders
CREATE SINK s INTO orders AS SELECT 1
CREATE SINK s FROM orders WITH (connector = 'kafka')
CREATE SOURCE orders (id int) WITH (connector = 'kafka') FORMAT PLAIN ENCODE JSON
CREATE SUBSCRIPTION s FROM orders WITH (retention = '1D')
FLUSH
RECOVER
CHECKPOINT
REASSIGN OWNED BY a TO b
DROP OWNED BY a
DELETE META SNAPSHOTS 1
SELECT * FROM orders INTO OUTFILE '/tmp/x'
REPLACE INTO orders VALUES (1)
INSERT OVERWRITE TABLE orders SELECT 1
----
SELECT id
  FROM orders -- the rows
 WHERE id = 1
   FOR -- and now
       NO KEY
       UPDATE
----
----
WITH gone AS (
    DELETE
      FROM orders
 RETURNING *
)
SELECT count(*) FROM gone
----
----
-- a comment
/* another
   one */
update
  orders
set
  a = 'it''s'
----
----
DO $body$
BEGIN
  EXECUTE $q$ DELETE FROM orders $q$;
END
$body$
----
SELECT INTO t FROM orders
SELECT INTO TEMP t FROM orders
SELECT INTO UNLOGGED TABLE t FROM orders WHERE id > 1
(SELECT 1 INTO t FROM orders)
SELECT * INTO STRICT t FROM orders
SELECT a AS b INTO "t" FROM orders UNION ALL SELECT 1
WITH x AS (SELECT 1) SELECT * INTO t FROM x, orders
WITH x AS (INSERT INTO orders VALUES (1) RETURNING id) SELECT * FROM x
WITH x AS (UPDATE orders SET a = 1 RETURNING *), y AS (SELECT * FROM x) TABLE y
WITH x AS (SELECT 1), y AS (DELETE FROM orders USING x) SELECT 1
WITH x AS MATERIALIZED (DELETE FROM orders RETURNING *) SELECT count(*) FROM x
WITH x (a) AS NOT MATERIALIZED (MERGE INTO orders USING c ON true WHEN MATCHED THEN DELETE) SELECT 1
WITH x AS (WITH y AS (DELETE FROM orders RETURNING *) SELECT * FROM y) SELECT * FROM x
WITH RECURSIVE x AS (DELETE FROM orders RETURNING id) SEARCH DEPTH FIRST BY id SET s SELECT * FROM x
SELECT * FROM (WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x) y
SELECT (WITH x AS (DELETE FROM orders RETURNING id) SELECT id FROM x)
SELECT * FROM orders WHERE EXISTS (WITH x AS (UPDATE orders SET a = 1 RETURNING 1) TABLE x)
SELECT * FROM orders WHERE id = ANY (ARRAY(WITH x AS (DELETE FROM orders RETURNING id) SELECT id FROM x))
VALUES ((WITH x AS (DELETE FROM orders RETURNING id) SELECT id FROM x))
(WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x) UNION ALL TABLE orders
TABLE orders FOR UPDATE
SELECT * FROM (SELECT * FROM orders FOR UPDATE) x
SELECT * FROM orders WHERE id IN (SELECT id FROM orders FOR SHARE SKIP LOCKED)
WITH x AS (SELECT * FROM orders FOR NO KEY UPDATE) SELECT * FROM x
SELECT interval FROM orders FOR UPDATE
SELECT DROP AND FROM orders FOR UPDATE
SELECT * FROM orders COLLATE FOR UPDATE
SELECT * FROM orders FOR UPDATE OF orders NOWAIT FOR SHARE OF orders
SELECT * FROM orders LIMIT 1 FOR UPDATE
SELECT * FROM orders FOR UPDATE LIMIT 1
SELECT * FROM orders FETCH FIRST ROW ONLY FOR KEY SHARE
SELECT * FROM orders OFFSET 1 FOR UPDATE
EXPLAIN (ANALYZE, TIMING off) SELECT * INTO t FROM orders
EXPLAIN (FORMAT yaml, ANALYZE yes) UPDATE orders SET a = 1
EXPLAIN (ANALYZE) SELECT my_writer(id) FROM orders
EXPLAIN VERBOSE INSERT INTO orders TABLE orders
EXPLAIN (ANALYZE) DECLARE c CURSOR FOR SELECT my_writer(id) FROM orders
EXPLAIN (ANALYZE) CREATE MATERIALIZED VIEW m AS SELECT * FROM orders
EXPLAIN (ANALYZE) EXECUTE delete_orders(my_writer(1))
EXPLAIN ANALYZE (WITH x AS (DELETE FROM orders RETURNING 1) SELECT * FROM x)
PREPARE "P" (int) AS UPDATE orders SET a = $1
PREPARE p AS TABLE orders FOR UPDATE
PREPARE p AS VALUES ((SELECT my_writer() FROM orders))
PREPARE p AS (SELECT * FROM orders FOR SHARE)
EXECUTE p (my_writer(1))
DECLARE c BINARY INSENSITIVE CURSOR WITHOUT HOLD FOR TABLE orders FOR UPDATE
DECLARE c CURSOR FOR WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x
COPY (WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x) TO STDOUT
COPY (INSERT INTO orders VALUES (1) RETURNING *) TO STDOUT (FORMAT csv)
COPY (SELECT my_writer(id) FROM orders) TO STDOUT
COPY (SELECT * FROM orders FOR UPDATE) TO STDOUT
COPY orders TO PROGRAM 'cat > /tmp/x'
COPY (TABLE orders) TO PROGRAM 'sh' CSV HEADER
COPY orders (id) FROM PROGRAM 'cat /tmp/x' WITH (FORMAT binary)
COPY orders FROM '/tmp/x'
COPY orders TO E'/tmp/x'
COPY BINARY orders TO '/tmp/x'
COPY "orders" FROM STDIN WITH CSV
INSERT INTO orders AS o (id) OVERRIDING SYSTEM VALUE SELECT 1 ON CONFLICT ON CONSTRAINT k DO UPDATE SET id = o.id WHERE true RETURNING (SELECT 1)
INSERT INTO customers SELECT * FROM orders WHERE my_writer(id)
INSERT INTO orders DEFAULT VALUES
UPDATE orders AS o SET (a, b) = (SELECT 1, 2), c = ROW(1) FROM customers c WHERE CURRENT OF cur
UPDATE customers SET a = (SELECT max(id) FROM orders)
DELETE FROM ONLY orders * AS o USING customers, LATERAL my_writer(o.id) WHERE true
DELETE FROM customers WHERE id IN (SELECT id FROM orders)
MERGE INTO ONLY orders AS o USING (SELECT 1) s ON true WHEN NOT MATCHED THEN INSERT DEFAULT VALUES
WITH s AS (SELECT * FROM orders) MERGE INTO customers USING s ON true WHEN MATCHED THEN DO NOTHING
CREATE RULE r AS ON SELECT TO v DO INSTEAD SELECT * FROM orders
CREATE RULE "_RETURN" AS ON SELECT TO orders DO INSTEAD SELECT 1
CREATE RULE r AS ON UPDATE TO customers DO UPDATE orders SET a = 1
CREATE RULE r AS ON DELETE TO customers WHERE EXISTS (SELECT 1 FROM orders) DO INSTEAD NOTHING
ALTER TABLE customers DISABLE RULE r, INHERIT orders
CREATE POLICY p ON customers USING (id IN (SELECT id FROM orders))
CREATE SCHEMA s CREATE VIEW v AS SELECT * FROM orders GRANT SELECT ON v TO bob
CREATE RECURSIVE VIEW v (n) AS SELECT 1 UNION ALL SELECT n + 1 FROM v, orders
CREATE TABLE t AS EXECUTE delete_orders
CREATE TABLE t AS TABLE orders WITH NO DATA
CREATE TABLE t (LIKE orders INCLUDING ALL)
CREATE TABLE t PARTITION OF orders DEFAULT
DO E'BEGIN DELETE FROM orders; END'
DO LANGUAGE plpgsql $a$ BEGIN EXECUTE $b$ DELETE FROM orders $b$; END $a$
DO $orders$ SELECT $orders$ LANGUAGE plperl
SELECT pg_catalog.set_config('search_path', 'x', false) FROM orders
SELECT currval('s'), lastval() FROM orders
SELECT lo_put(1, 0, 'x') FROM orders
SELECT lowrite(1, 'x') FROM orders
SELECT pg_advisory_unlock_all() FROM orders
SELECT pg_advisory_xact_lock_shared(1, 2) FROM orders
SELECT dblink_send_query('c', 'delete from orders') FROM orders
SELECT dblink_open('c', 'x', 'select 1') FROM orders
SELECT pg_rotate_logfile() FROM orders
SELECT pg_create_physical_replication_slot('x') FROM orders
SELECT pg_drop_replication_slot('x') FROM orders
SELECT pg_switch_wal(), pg_export_snapshot() FROM orders
SELECT cursor_to_xml('c', 1, true, true, '') FROM orders
SELECT ts_stat('delete from orders') FROM orders
SELECT pg_stat_reset(), setseed(0.5) FROM orders
SELECT pg_ls_dir('/'), pg_stat_file('x') FROM orders
SELECT pg_import_system_collations('pg_catalog') FROM orders
SELECT substr(my_writer(), 1) FROM orders
SELECT "Nextval"('s') FROM orders
SELECT pg_temp.f(id) FROM orders
SELECT a FROM orders WHERE b OPERATOR(public.=) 1
SELECT a @@@# b FROM orders
SELECT ~~~ a FROM orders
SELECT count(*) OVER (ORDER BY id ROWS my_writer() PRECEDING) FROM orders
SELECT sum(DISTINCT my_writer(a)) FROM orders
SELECT percentile_cont(my_writer()) WITHIN GROUP (ORDER BY a) FROM orders
SELECT * FROM orders FETCH FIRST (my_writer()) ROWS ONLY
SELECT * FROM orders OFFSET my_writer()
SELECT * FROM json_table(my_writer(), '$' COLUMNS (a int PATH '$.a')) j, orders
SELECT * FROM orders, xmltable('/a' PASSING my_writer() COLUMNS b text PATH 'c') x
SELECT * FROM unnest(my_writer()) u, orders
SELECT * FROM orders NATURAL JOIN my_writer() x
SELECT * FROM tumble(orders, ts, my_writer())
SELECT * EXCEPT (a) FROM orders FOR UPDATE
SELECT * FROM orders a ASOF JOIN orders b ON my_writer(a.id)
SELECT a COLLATE "C" FROM orders FOR UPDATE
SELECT f(VARIADIC ARRAY[my_writer()]) FROM orders
SELECT * FROM orders WHERE a BETWEEN SYMMETRIC my_writer() AND 1
SELECT 1 FROM orders;DELETE FROM orders
; DELETE FROM orders
SELECT ';' FROM orders; DELETE FROM orders
SELECT ';' AS ";" FROM orders; DELETE FROM orders
SELECT $$;$$ FROM orders; DELETE FROM orders
SELECT $a$ $b$ $a$ FROM orders; DELETE FROM orders; SELECT $b$ $b$
SELECT 1 FROM orders /* ; */; DELETE FROM orders
BEGIN; SELECT 1 FROM orders; DELETE FROM orders; END
SELECT E'\\' FROM orders; DELETE FROM orders; --'
SELECT 'it''s' FROM orders; DELETE FROM orders
SELECT 1 FROM orders WHERE a = 'x' /* ' */ FOR UPDATE
SELECT U&'\' FROM orders; DELETE FROM orders; --'
SELECT N'a' FROM orders; DELETE FROM orders
SELECT X'0' FROM orders; DELETE FROM orders
/* tidegate: to=analytic */ INSERT INTO orders VALUES (1)
/* tidegate: to=analytic */ WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x
/* tidegate: to=analytic */ SELECT my_writer(id) FROM orders
/* tidegate: to=analytic */ SELECT * INTO t FROM orders
/* tidegate: to=analytic */ EXPLAIN ANALYZE DELETE FROM orders
/* tidegate: to=analytic */ COPY orders TO '/tmp/x'
/* tidegate: to=analytic */ DO $$ BEGIN DELETE FROM orders; END $$
/* tidegate: to=analytic */ SELECT 1 FROM orders; DELETE FROM orders
/* tidegate: to=analytic */ CREATE TABLE t AS SELECT * FROM orders
/* tidegate: to=analytic */ LOCK orders
/* tidegate: to=analytic */ TRUNCATE customers
----
-- tidegate: to=analytic
DELETE FROM orders
----
----
SELECT *
FROM orders
WHERE a = 'x'
'y' FOR UPDATE
----
----
WITH x AS (
  -- nothing to see )
  DELETE /* ( */ FROM orders RETURNING *
) SELECT * FROM x
----
