What Superset sends beside SQLAlchemy's inspector (inspector.py), in our own words after its documentation and log: what the dialect asks at connect, the check of the connection, the columns of a dataset, charts with their time
grains, filters, totals, samples and the SQL editor's own limit.
--- version
SELECT pg_catalog.version() LIKE 'PostgreSQL %' AS postgres
--- schema
SELECT current_schema()
--- strings
SHOW standard_conforming_strings
--- level
SHOW transaction_isolation
--- alive
SELECT 1
--- path for the schema that was chosen
SET search_path = bi
--- columns of a virtual dataset
SELECT a.plan, i.total, i.at FROM bi.invoices i JOIN bi.accounts a ON a.id = i.account_id LIMIT 0
--- first and last
SELECT min(at) AS "min", max(at) AS "max" FROM bi.invoices
--- chart by day
SELECT DATE_TRUNC('day', at) AS __timestamp, count(*) AS count FROM bi.invoices WHERE at >= TO_TIMESTAMP('2026-01-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') AND at < TO_TIMESTAMP('2026-02-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
GROUP BY DATE_TRUNC('day', at) ORDER BY __timestamp ASC LIMIT 1000
--- chart by month with a dimension
SELECT DATE_TRUNC('month', i.at) AS __timestamp, a.plan AS plan, sum(i.total) AS "SUM(total)" FROM (SELECT * FROM bi.invoices) AS i JOIN bi.accounts AS a ON a.id = i.account_id GROUP BY DATE_TRUNC('month', i.at), a.plan ORDER BY "SUM(total)" DESC, plan ASC LIMIT 10000
--- grain of weeks from Sunday
SELECT DATE_TRUNC('week', at + INTERVAL '1 day') + INTERVAL '-1 day' AS __timestamp, COUNT(DISTINCT account_id) AS "COUNT_DISTINCT(account_id)" FROM bi.invoices GROUP BY DATE_TRUNC('week', at + INTERVAL '1 day') + INTERVAL '-1 day' ORDER BY __timestamp LIMIT 100
--- series limit
SELECT DATE_TRUNC('month', at) AS __timestamp, account_id AS account_id, sum(total) AS total FROM bi.invoices JOIN (SELECT account_id AS account_id__, sum(total) AS mme_inner__ FROM bi.invoices GROUP BY account_id ORDER BY mme_inner__ DESC, account_id LIMIT 3) AS series_limit
ON account_id = account_id__ GROUP BY DATE_TRUNC('month', at), account_id ORDER BY total DESC, __timestamp LIMIT 50000
--- big number
SELECT sum(total) AS "SUM(total)" FROM bi.invoices WHERE paid IS true LIMIT 50000
--- table with a virtual dataset
SELECT plan AS plan, sum(total) AS total, count(*) AS count FROM (SELECT a.plan, i.total, i.at FROM bi.invoices i JOIN bi.accounts a ON a.id = i.account_id) AS virtual_table WHERE plan IN ('free', 'team') GROUP BY plan ORDER BY total DESC LIMIT 1000
--- values of a filter
SELECT plan AS plan FROM bi.accounts GROUP BY plan ORDER BY plan ASC LIMIT 1000
--- samples
SELECT id AS id, account_id AS account_id, total AS total, paid AS paid, issued AS issued, at AS at, note AS note FROM bi.invoices ORDER BY id LIMIT 100 OFFSET 0
--- rolling totals over a materialized view
SELECT month AS __timestamp, plan, sum(total) OVER (PARTITION BY plan ORDER BY month) AS running FROM bi.monthly ORDER BY month, plan LIMIT 1000
--- pivot
SELECT plan AS plan, sum(CASE WHEN month = TIMESTAMP '2026-01-01' THEN total END) AS january, sum(CASE WHEN month = TIMESTAMP '2026-02-01' THEN total END) AS february FROM bi.monthly GROUP BY plan ORDER BY plan LIMIT 50000
--- the editor
SELECT * FROM invoices ORDER BY id LIMIT 1001
--- the editor with a common table expression
WITH per_account AS (SELECT account_id, sum(total) AS total FROM invoices GROUP BY account_id) SELECT name, total FROM per_account JOIN accounts ON accounts.id = account_id ORDER BY total DESC, name LIMIT 1001
--- a relation that only the analytic side has
SELECT DATE_TRUNC('week', seen) AS __timestamp, kind, sum(price) AS price FROM public.events GROUP BY DATE_TRUNC('week', seen), kind ORDER BY 1, 2 LIMIT 1000
--- cost estimate of a catalog query
EXPLAIN (COSTS OFF) SELECT count(*) FROM pg_catalog.pg_class WHERE relname = 'x'
--- path as it was
RESET search_path
