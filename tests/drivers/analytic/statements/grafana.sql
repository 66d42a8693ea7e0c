What Grafana's PostgreSQL data source sends, in our own words after its documentation: the check of the connection, the query builder's lists, and
panels with its macros expanded ($__timeFilter, $__timeGroup with and without fill, $__unixEpochFilter).
--- test of the connection
SELECT 1
--- version
SELECT current_setting('server_version_num')::int / 100 > 0 AS version
--- is there timescaledb
SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'
--- metric table
SELECT quote_ident(table_name) AS table_name FROM information_schema.columns
WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog', '_timescaledb_cache') AND table_schema = 'bi' AND udt_name IN ('timestamptz', 'timestamp')
ORDER BY CASE WHEN 'at' = quote_ident(column_name) THEN 0 ELSE 1 END, quote_ident(table_name) LIMIT 10
--- tables
SELECT CASE WHEN quote_ident(table_schema) IN (SELECT CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
         FROM generate_series(array_lower(string_to_array(current_setting('search_path'), ','), 1), array_upper(string_to_array(current_setting('search_path'), ','), 1)) AS i, string_to_array(current_setting('search_path'), ',') s)
       THEN quote_ident(table_name) ELSE quote_ident(table_schema) || '.' || quote_ident(table_name) END AS "table"
FROM information_schema.tables WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog', 'public') ORDER BY 1
--- columns
SELECT quote_ident(column_name) AS "column", data_type AS "type" FROM information_schema.columns
WHERE CASE WHEN array_length(parse_ident('bi.invoices'), 1) = 2 THEN quote_ident(table_schema) = (parse_ident('bi.invoices'))[1] AND quote_ident(table_name) = (parse_ident('bi.invoices'))[2]
      ELSE quote_ident(table_name) = 'bi.invoices' END ORDER BY ordinal_position
--- datatype of a column
SELECT udt_name FROM information_schema.columns WHERE table_schema = 'bi' AND table_name = 'invoices' AND column_name = 'at'
--- values of a template variable
SELECT DISTINCT plan FROM bi.accounts WHERE plan IS NOT NULL ORDER BY plan
--- variable with text and value
SELECT name AS __text, id AS __value FROM bi.accounts ORDER BY id LIMIT 5
--- time filter
SELECT at AS "time", total AS value, note AS metric FROM bi.invoices WHERE at BETWEEN '2026-01-01T00:00:00Z' AND '2026-01-05T00:00:00Z' ORDER BY 1
--- time group
SELECT floor(extract(epoch from at) / 86400) * 86400 AS "time", sum(total) AS total, count(*) AS n FROM bi.invoices WHERE at BETWEEN '2026-01-01T00:00:00Z' AND '2026-02-01T00:00:00Z' GROUP BY 1 ORDER BY 1
--- time group by series
SELECT floor(extract(epoch from i.at) / 604800) * 604800 AS "time", coalesce(a.plan, 'none') AS metric, sum(i.total) AS value
FROM bi.invoices i JOIN bi.accounts a ON a.id = i.account_id WHERE i.at >= '2026-01-01T00:00:00Z' AND i.at < '2026-03-01T00:00:00Z' GROUP BY 1, 2 ORDER BY 1, 2
--- time group in epoch
SELECT extract(epoch from created) AS "time", id AS value FROM bi.accounts WHERE extract(epoch from created) >= 1767312000 AND extract(epoch from created) <= 1768176000 ORDER BY 1
--- relative change by a window
SELECT month AS "time", plan AS metric, total - lag(total) OVER (PARTITION BY plan ORDER BY month) AS value FROM bi.monthly ORDER BY 1, 2
--- table panel
SELECT a.name, count(i.id) AS invoices, sum(i.total) AS total, max(i.at) AS last FROM bi.accounts a LEFT JOIN bi.invoices i ON i.account_id = a.id GROUP BY a.name ORDER BY total DESC NULLS LAST, a.name LIMIT 10
--- a relation that only the analytic side has
SELECT floor(extract(epoch from seen) / 43200) * 43200 AS "time", kind AS metric, sum(price) AS value FROM events WHERE seen BETWEEN '2026-01-02T00:00:00Z' AND '2026-01-04T00:00:00Z' GROUP BY 1, 2 ORDER BY 1, 2
--- annotations
SELECT extract(epoch from at) * 1000 AS time, note AS text, 'invoice,late' AS tags FROM bi.invoices WHERE note IS NOT NULL AND at < '2026-01-15T00:00:00Z' ORDER BY 1
--- alert
SELECT count(*) AS value FROM bi.invoices WHERE paid IS NOT TRUE AND at > '2026-03-01T00:00:00Z'
