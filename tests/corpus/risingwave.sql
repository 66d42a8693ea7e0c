CREATE SOURCE page_views (user_id int, url varchar, ts timestamptz, WATERMARK FOR ts AS ts - INTERVAL '5 seconds') WITH (connector = 'kafka', topic = 'views', properties.bootstrap.server = 'broker:9092') FORMAT PLAIN ENCODE JSON
CREATE SOURCE IF NOT EXISTS s WITH (connector = 'kafka', topic = 't') FORMAT PLAIN ENCODE AVRO (schema.registry = 'http://registry:8081')
CREATE SOURCE pg_mydb WITH (connector = 'postgres-cdc', hostname = 'db', port = '5432', username = 'u', password = secret pg_pw, database.name = 'app', slot.name = 'rw', publication.name = 'pub')
CREATE SOURCE s (*, ts timestamptz AS to_timestamp(v)) INCLUDE KEY AS k INCLUDE PARTITION INCLUDE OFFSET INCLUDE timestamp AS t WITH (connector = 'pulsar') FORMAT UPSERT ENCODE JSON
CREATE TABLE orders (id int PRIMARY KEY, total numeric) FROM pg_mydb TABLE 'public.orders'
CREATE TABLE orders (*) FROM pg_mydb TABLE 'public.orders'
CREATE TABLE orders (*) INCLUDE timestamp AS commit_ts FROM pg_mydb TABLE 'public.orders'
CREATE TABLE t (a int, b varchar) APPEND ONLY WITH (connector = 'kafka', topic = 'x') FORMAT PLAIN ENCODE JSON
CREATE TABLE t (a int PRIMARY KEY, v int) ON CONFLICT DO UPDATE IF NOT NULL WITH VERSION COLUMN (v)
CREATE TABLE t (a int PRIMARY KEY) ON CONFLICT OVERWRITE
CREATE TABLE t (a int, b int AS a * 2)
CREATE TABLE t (a STRUCT<x int, y varchar>, m map(varchar, int), v vector(3))
CREATE TABLE t (a int) WITH (retention_seconds = 300) ENGINE = iceberg
CREATE TABLE t (a int, WATERMARK FOR ts AS ts - INTERVAL '5 s') APPEND ONLY
CREATE TABLE t AS SELECT a, count(*) FROM page_views GROUP BY a
CREATE MATERIALIZED VIEW revenue AS SELECT state, sum(qty * price) AS total FROM orders GROUP BY state
CREATE MATERIALIZED VIEW IF NOT EXISTS windowed AS SELECT window_start, count(*) AS n FROM TUMBLE(page_views, ts, INTERVAL '1 minute') GROUP BY window_start EMIT ON WINDOW CLOSE
CREATE MATERIALIZED VIEW mv WITH (backfill_order = FIXED(a -> b, c -> b)) AS SELECT * FROM a JOIN b ON a.x = b.x JOIN c ON c.x = b.x
CREATE MATERIALIZED VIEW hops AS SELECT window_end, max(price) FROM HOP(bids, ts, INTERVAL '1' MINUTE, INTERVAL '10' MINUTES) AS h GROUP BY window_end
CREATE MATERIALIZED VIEW enriched AS SELECT o.id, c.name FROM orders o JOIN customers FOR SYSTEM_TIME AS OF PROCTIME() AS c ON o.customer_id = c.id
CREATE MATERIALIZED VIEW changes AS WITH sub AS changelog FROM orders SELECT * FROM sub
CREATE MATERIALIZED VIEW ranked AS SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY state ORDER BY total DESC) AS r FROM orders) WHERE r <= 3
CREATE MATERIALIZED VIEW sess AS SELECT user_id, first_value(ts) OVER (PARTITION BY user_id ORDER BY ts SESSION WITH GAP INTERVAL '10 minutes') AS started FROM page_views
CREATE MATERIALIZED VIEW near AS SELECT * FROM trades t ASOF JOIN quotes q ON t.symbol = q.symbol AND t.ts >= q.ts
CREATE VIEW v AS SELECT * EXCEPT (secret) FROM orders
CREATE INDEX i ON orders(customer_id) INCLUDE (total) DISTRIBUTED BY (customer_id)
CREATE INDEX vi ON docs USING hnsw (embedding) WITH (distance_type = 'l2')
CREATE SINK orders_out FROM revenue WITH (connector = 'kafka', properties.bootstrap.server = 'broker:9092', topic = 'out') FORMAT DEBEZIUM ENCODE JSON
CREATE SINK IF NOT EXISTS into_table INTO totals AS SELECT state, count(*) FROM orders GROUP BY state WITH (type = 'upsert')
CREATE SINK out AS SELECT a, b FROM page_views WHERE a > 1 WITH (connector = 'jdbc', jdbc.url = 'jdbc:postgresql://db/app?user=u', table.name = 'orders') FORMAT PLAIN ENCODE JSON (force_append_only = 'true')
REPLACE SINK orders_out FROM revenue WITH (connector = 'blackhole')
CREATE SUBSCRIPTION sub FROM orders WITH (retention = '1D')
CREATE CONNECTION conn WITH (type = 'privatelink', provider = 'aws', service.name = 'x')
CREATE SECRET pg_pw WITH (backend = 'meta') AS 'password'
CREATE USER reader WITH NOSUPERUSER NOCREATEDB PASSWORD 'x'
CREATE FUNCTION gcd(int, int) RETURNS int LANGUAGE python AS $$ def gcd(a, b): return a $$
CREATE FUNCTION f(x int) RETURNS int AS f USING LINK 'http://udf:8815'
CREATE AGGREGATE weighted_avg(value int, weight int) RETURNS numeric LANGUAGE python AS weighted_avg USING LINK 'http://udf:8815'
CREATE SCHEMA IF NOT EXISTS analytics AUTHORIZATION reader
CREATE DATABASE d WITH OWNER = reader RESOURCE_GROUP = 'g' BARRIER_INTERVAL_MS = 1000
DROP SOURCE page_views CASCADE
DROP SINK IF EXISTS orders_out
DROP SUBSCRIPTION sub
DROP CONNECTION conn
DROP SECRET pg_pw
DROP MATERIALIZED VIEW IF EXISTS revenue, windowed CASCADE
DROP AGGREGATE weighted_avg(int, int)
ALTER MATERIALIZED VIEW revenue SET PARALLELISM = 4
ALTER MATERIALIZED VIEW revenue SET PARALLELISM TO ADAPTIVE
ALTER MATERIALIZED VIEW revenue SET BACKFILL_RATE_LIMIT = 100
ALTER MATERIALIZED VIEW revenue SWAP WITH revenue2
ALTER MATERIALIZED VIEW revenue AS SELECT 1 FROM orders
ALTER TABLE orders SET SOURCE_RATE_LIMIT TO 1000
ALTER TABLE orders SET DML_RATE_LIMIT = DEFAULT
ALTER TABLE orders REFRESH SCHEMA
ALTER TABLE orders DROP CONNECTOR
ALTER TABLE orders CONNECTOR WITH (properties.bootstrap.server = 'x')
ALTER SOURCE page_views ADD COLUMN referrer varchar
ALTER SOURCE page_views FORMAT PLAIN ENCODE PROTOBUF (message = 'm')
ALTER SOURCE page_views REFRESH SCHEMA
ALTER SINK orders_out SET PARALLELISM = 2
ALTER SINK orders_out SET SINK_RATE_LIMIT = 10
ALTER SUBSCRIPTION sub RENAME TO sub2
ALTER CONNECTION conn OWNER TO reader
ALTER SECRET pg_pw AS 'other'
ALTER FRAGMENT 3 SET RATE_LIMIT = 5
ALTER DATABASE d SET BARRIER_INTERVAL_MS = 500
ALTER SYSTEM SET checkpoint_frequency = 10
ALTER COMPACTION GROUP 2 SET max_bytes = 1
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON MATERIALIZED VIEWS TO reader
GRANT SELECT ON MATERIALIZED VIEW revenue TO reader
GRANT SELECT ON SOURCE page_views TO reader
GRANT USAGE ON SECRET pg_pw TO reader
REVOKE ALL ON ALL SINKS IN SCHEMA public FROM reader
DECLARE cur SUBSCRIPTION CURSOR FOR sub SINCE now() FULL
DECLARE cur SUBSCRIPTION CURSOR FOR sub SINCE begin()
FETCH NEXT FROM cur WITH (timeout = '1s')
FETCH 100 FROM cur
CLOSE cur
SHOW TABLES
SHOW MATERIALIZED VIEWS FROM public
SHOW SOURCES LIKE 'page%'
SHOW SINKS
SHOW JOBS
SHOW CLUSTER
SHOW CURSORS
SHOW SUBSCRIPTION CURSORS
SHOW PROCESSLIST
SHOW INDEXES FROM orders
SHOW COLUMNS FROM orders
SHOW INTERNAL TABLES
SHOW CREATE TABLE orders
SHOW CREATE MATERIALIZED VIEW revenue
SHOW CREATE SINK orders_out
SHOW PARAMETERS
SHOW streaming_parallelism
DESCRIBE orders
DESCRIBE FRAGMENTS revenue
DESCRIBE FRAGMENT 3
EXPLAIN (LOGICAL, TRACE) SELECT count(*) FROM orders
EXPLAIN (DISTSQL, FORMAT JSON) CREATE MATERIALIZED VIEW x AS SELECT count(*) FROM orders
EXPLAIN CREATE SINK x FROM orders WITH (connector = 'blackhole')
EXPLAIN ANALYZE MATERIALIZED VIEW revenue
EXPLAIN ANALYZE TABLE orders
EXPLAIN ANALYZE (duration_secs 5) SINK orders_out
EXPLAIN ANALYZE 1001
FLUSH
WAIT
WAIT MATERIALIZED VIEW revenue
RECOVER
REFRESH TABLE orders
CANCEL JOBS 1, 2
CANCEL JOB 1
KILL '1:2'
BACKUP
DELETE META SNAPSHOTS 1, 2
VACUUM orders
VACUUM FULL orders
USE d
SET streaming_parallelism = bounded(4)
SET rw_implicit_flush TO true
SET query_mode TO distributed
SET VISIBILITY_MODE TO 'checkpoint'
BEGIN READ ONLY
START TRANSACTION READ ONLY
SELECT * FROM revenue
SELECT * FROM page_views EMIT ON WINDOW CLOSE
SELECT window_start, window_end, count(*) FROM TUMBLE(page_views, ts, INTERVAL '1 minute') GROUP BY window_start, window_end
SELECT * FROM HOP(public.bids, ts, INTERVAL '1 minute', INTERVAL '1 hour') AS h (a, b)
SELECT * FROM TUMBLE((SELECT * FROM page_views) AS p, ts, INTERVAL '1 minute')
SELECT * FROM gap_fill(TUMBLE(page_views, ts, INTERVAL '1 minute'), ts, INTERVAL '1 minute', interpolate(n))
SELECT * FROM orders FOR SYSTEM_TIME AS OF '2026-11-23 00:00:00'
SELECT * FROM orders FOR SYSTEM_TIME AS OF NOW() - '1' HOUR
SELECT * FROM iceberg_t FOR SYSTEM_VERSION AS OF 4363979853823077102
SELECT * FROM orders o JOIN customers FOR SYSTEM_TIME AS OF PROCTIME() ON o.customer_id = customers.id
SELECT * FROM trades t ASOF LEFT JOIN quotes q ON t.symbol = q.symbol AND t.ts >= q.ts
SELECT * EXCEPT (secret) FROM orders
SELECT approx_count_distinct(user_id), approx_percentile(0.5, 0.01) WITHIN GROUP (ORDER BY latency) FROM page_views
SELECT jsonb_agg(x ORDER BY y) FILTER (WHERE y > 1) FROM orders
SELECT array_transform(tags, |x| upper(x)) FROM docs
SELECT id FROM docs ORDER BY embedding <-> '[1,2,3]'::vector(3) LIMIT 5
SELECT (item).price FROM orders
SELECT m['key'] FROM orders
SELECT * FROM rw_catalog.rw_materialized_views
SELECT * FROM app.public.revenue
SELECT * FROM file_scan('parquet', 's3', 'us-east-1', 'k', 's', 's3://b/f.parquet')
SELECT * FROM postgres_query('db', '5432', 'u', 'p', 'app', 'delete from orders')
INSERT INTO t VALUES (1, 2)
INSERT INTO t SELECT * FROM orders RETURNING a
UPDATE t SET a = DEFAULT WHERE b = 1
DELETE FROM t WHERE a = 1 RETURNING *
COMMENT ON TABLE revenue IS 'x'
COMMENT ON COLUMN revenue.total IS NULL
COPY revenue TO STDOUT
