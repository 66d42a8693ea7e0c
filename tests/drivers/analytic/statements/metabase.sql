What Metabase sends over JDBC when a database is added, synchronised, fingerprinted and asked, in our own words after what it does in
public: its sync reads the catalogs once for the whole database, its questions begin with a comment and name every column in full.
--- alive
SELECT 1
--- version
SELECT version() IS NOT NULL AS known, current_setting('server_version_num')::int > 120000 AS recent
--- zone of the session
SET SESSION TIMEZONE TO 'UTC'
--- zone of the server
SELECT current_setting('TimeZone') AS zone, to_char(TIMESTAMPTZ '2026-01-01 12:00:00+00', 'YYYY-MM-DD HH24:MI:SS.MS TZ') AS shown
--- schemas
SELECT nspname AS schema FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND has_schema_privilege(nspname, 'USAGE') ORDER BY 1
--- tables
SELECT n.nspname AS schema, c.relname AS name,
       CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'PARTITIONED TABLE' WHEN 'v' THEN 'VIEW' WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'm' THEN 'MATERIALIZED VIEW' END AS type,
       d.description AS description
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
LEFT JOIN pg_catalog.pg_description AS d ON c.oid = d.objoid AND d.objsubid = 0 AND d.classoid = 'pg_class'::regclass
WHERE n.nspname = 'bi' AND c.relkind IN ('r', 'p', 'v', 'f', 'm')
ORDER BY type, schema, name
--- privileges
SELECT t.schemaname AS schema, t.objectname AS "table",
       has_any_column_privilege('"' || t.schemaname || '"."' || t.objectname || '"', 'update') AS "update",
       has_any_column_privilege('"' || t.schemaname || '"."' || t.objectname || '"', 'select') AS "select"
FROM (SELECT schemaname, tablename AS objectname FROM pg_catalog.pg_tables UNION SELECT schemaname, matviewname FROM pg_catalog.pg_matviews) AS t
WHERE t.schemaname = 'bi' ORDER BY 1, 2
--- fields
SELECT c.column_name AS name, c.udt_name AS "database-type", c.ordinal_position - 1 AS "database-position", c.table_schema AS "table-schema", c.table_name AS "table-name",
       pk.column_name IS NOT NULL AS "pk?", col_description(CAST(format('%I.%I', c.table_schema, c.table_name) AS regclass)::oid, c.ordinal_position) AS "field-comment",
       (c.column_default IS NULL OR lower(c.column_default) = 'null') AND c.is_nullable = 'NO' AND c.is_identity = 'NO' AS "database-required",
       (c.column_default IS NOT NULL AND c.column_default LIKE '%nextval(%') OR c.is_identity <> 'NO' AS "database-is-auto-increment"
FROM information_schema.columns AS c
LEFT JOIN (SELECT tc.table_schema, tc.table_name, kc.column_name FROM information_schema.table_constraints AS tc
           INNER JOIN information_schema.key_column_usage AS kc ON tc.constraint_name = kc.constraint_name AND tc.table_schema = kc.table_schema AND tc.table_name = kc.table_name
           WHERE tc.constraint_type = 'PRIMARY KEY') AS pk
    ON c.table_schema = pk.table_schema AND c.table_name = pk.table_name AND c.column_name = pk.column_name
WHERE c.table_schema !~ '^information_schema|catalog_history|pg_' AND c.table_schema IN ('bi')
ORDER BY "table-schema", "table-name", "database-position"
--- fields of materialized views
SELECT pa.attname AS name, pt.typname AS type, pn.nspname AS schema, pc.relname AS "table", pa.attnum AS position
FROM pg_catalog.pg_class AS pc
INNER JOIN pg_catalog.pg_namespace AS pn ON pn.oid = pc.relnamespace
INNER JOIN pg_catalog.pg_attribute AS pa ON pa.attrelid = pc.oid
INNER JOIN pg_catalog.pg_type AS pt ON pt.oid = pa.atttypid
WHERE pc.relkind = 'm' AND pa.attnum >= 1 AND NOT pa.attisdropped AND pn.nspname = 'bi' ORDER BY 3, 4, 5
--- foreign keys
SELECT fk_ns.nspname AS "fk-table-schema", fk_table.relname AS "fk-table-name", fk_column.attname AS "fk-column-name", pk_ns.nspname AS "pk-table-schema", pk_table.relname AS "pk-table-name"
FROM pg_catalog.pg_constraint AS c
INNER JOIN pg_catalog.pg_class AS fk_table ON c.conrelid = fk_table.oid
INNER JOIN pg_catalog.pg_namespace AS fk_ns ON c.connamespace = fk_ns.oid
INNER JOIN pg_catalog.pg_attribute AS fk_column ON c.conrelid = fk_column.attrelid AND fk_column.attnum = ANY(c.conkey)
INNER JOIN pg_catalog.pg_class AS pk_table ON c.confrelid = pk_table.oid
INNER JOIN pg_catalog.pg_namespace AS pk_ns ON pk_table.relnamespace = pk_ns.oid
WHERE c.contype = 'f' AND fk_ns.nspname = 'bi' ORDER BY 1, 2
--- indexes
SELECT tmp.table_schema AS "table-schema", tmp.table_name AS "table-name", trim(both '"' FROM pg_catalog.pg_get_indexdef(tmp.ci_oid, tmp.pos, false)) AS "field-name"
FROM (SELECT n.nspname AS table_schema, ct.relname AS table_name, ci.oid AS ci_oid, (information_schema._pg_expandarray(i.indkey)).n AS pos
      FROM pg_catalog.pg_class ct JOIN pg_catalog.pg_namespace n ON ct.relnamespace = n.oid JOIN pg_catalog.pg_index i ON ct.oid = i.indrelid JOIN pg_catalog.pg_class ci ON ci.oid = i.indexrelid
      WHERE i.indpred IS NULL AND n.nspname !~ '^information_schema|catalog_history|pg_') AS tmp
WHERE tmp.pos = 1 AND tmp.table_schema = 'bi' ORDER BY 1, 2, 3
--- enums
SELECT nspname AS schema, typname AS enum FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype = 'e' AND nspname = 'bi'
--- fingerprint of invoices
-- Metabase
SELECT "source"."id" AS "id", "source"."account_id" AS "account_id", "source"."total" AS "total", "source"."paid" AS "paid", "source"."issued" AS "issued", "source"."at" AS "at", "source"."substring6" AS "substring6"
FROM (SELECT "bi"."invoices"."id" AS "id", "bi"."invoices"."account_id" AS "account_id", "bi"."invoices"."total" AS "total", "bi"."invoices"."paid" AS "paid", "bi"."invoices"."issued" AS "issued", "bi"."invoices"."at" AS "at",
             SUBSTRING("bi"."invoices"."note", 1, 1234) AS "substring6"
      FROM "bi"."invoices" ORDER BY "bi"."invoices"."id" ASC) AS "source" ORDER BY "source"."id" LIMIT 10000
--- fingerprint of monthly
-- Metabase
SELECT SUBSTRING("bi"."monthly"."plan", 1, 1234) AS "substring1", "bi"."monthly"."month" AS "month", "bi"."monthly"."invoices" AS "invoices", "bi"."monthly"."total" AS "total" FROM "bi"."monthly" ORDER BY 2, 1 LIMIT 10000
--- distinct values of a field
-- Metabase
SELECT "bi"."accounts"."plan" AS "plan" FROM "bi"."accounts" GROUP BY "bi"."accounts"."plan" ORDER BY "bi"."accounts"."plan" ASC LIMIT 1000
--- a question by month
-- Metabase:: userID: 1 queryType: MBQL queryHash: 5dbb2bd1
SELECT DATE_TRUNC('month', "bi"."invoices"."at") AS "at", COUNT(*) AS "count", SUM("bi"."invoices"."total") AS "sum" FROM "bi"."invoices"
WHERE "bi"."invoices"."at" >= TIMESTAMP '2026-01-01 00:00:00.000' AND "bi"."invoices"."at" < TIMESTAMP '2026-07-01 00:00:00.000' GROUP BY DATE_TRUNC('month', "bi"."invoices"."at") ORDER BY DATE_TRUNC('month', "bi"."invoices"."at") ASC
--- a question by day, on Sundays' weeks
-- Metabase:: userID: 1 queryType: MBQL queryHash: 7aa01c22
SELECT CAST("bi"."invoices"."issued" AS date) AS "issued", (CAST(DATE_TRUNC('week', ("bi"."invoices"."at" + INTERVAL '1 day')) AS timestamp) + INTERVAL '-1 day') AS "week", COUNT(DISTINCT "bi"."invoices"."account_id") AS "count"
FROM "bi"."invoices" GROUP BY 1, 2 ORDER BY 1 ASC, 2 ASC LIMIT 20
--- a question over a join
-- Metabase:: userID: 1 queryType: MBQL queryHash: 90ce6b10
SELECT "Accounts"."plan" AS "Accounts__plan", SUM("bi"."invoices"."total") AS "sum" FROM "bi"."invoices" LEFT JOIN "bi"."accounts" AS "Accounts" ON "bi"."invoices"."account_id" = "Accounts"."id"
WHERE ("bi"."invoices"."paid" = TRUE) AND (("Accounts"."plan" <> 'free') OR ("Accounts"."plan" IS NULL)) GROUP BY "Accounts"."plan" ORDER BY "sum" DESC, "Accounts"."plan" ASC
--- raw rows
-- Metabase:: userID: 1 queryType: MBQL queryHash: 0c3a7f51
SELECT "bi"."accounts"."id" AS "id", "bi"."accounts"."name" AS "name", "bi"."accounts"."plan" AS "plan", "bi"."accounts"."created" AS "created" FROM "bi"."accounts" WHERE (LOWER("bi"."accounts"."name") LIKE '%account 1%') ORDER BY "bi"."accounts"."id" LIMIT 2000
--- a native question over a relation that only the analytic side has
-- Metabase:: userID: 1 queryType: native queryHash: 44be5b3c
SELECT day, sum(events) AS events FROM daily WHERE day BETWEEN date '2026-01-05' AND date '2026-01-09' GROUP BY day ORDER BY day
--- binned
-- Metabase:: userID: 1 queryType: MBQL queryHash: c1a2f3d4
SELECT ((FLOOR((("bi"."invoices"."total" - 0.0) / 250.0)) * 250.0) + 0.0) AS "total", COUNT(*) AS "count" FROM "bi"."invoices" GROUP BY 1 ORDER BY 1 ASC
