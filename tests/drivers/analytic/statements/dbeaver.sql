What DBeaver sends over JDBC when it opens a connection, unfolds its tree and shows a table's data, in our own words after what its log shows. Object numbers are read but not shown: two
clusters need not number alike.
--- digits
SET extra_float_digits = 3
--- application
SET application_name = 'DBeaver 24.1.0 - Main <app>'
--- application of a second connection
SET application_name = 'DBeaver 24.1.0 - Metadata <app>'
--- session
SELECT current_schema(), session_user
--- schemas in the path
SHOW search_path
--- database
SELECT db.datname, pg_encoding_to_char(db.encoding) AS encoding, db.datcollate, db.datallowconn, db.datistemplate, shobj_description(db.oid, 'pg_database') FROM pg_catalog.pg_database db WHERE datname = 'app'
--- version
SELECT version() LIKE 'PostgreSQL %' AS postgres
--- settings
SELECT name, setting FROM pg_catalog.pg_settings WHERE name IN ('standard_conforming_strings', 'server_encoding', 'max_identifier_length') ORDER BY name
--- key words
SELECT string_agg(word, ',') FROM pg_catalog.pg_get_keywords() WHERE word <> ALL ('{a,abs,absolute,action}'::text[]) AND catcode = 'R'
--- types
SELECT t.typname, c.relkind, format_type(nullif(t.typbasetype, 0), t.typtypmod) AS base_type_name, d.description FROM pg_catalog.pg_type t LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid = t.typelem LEFT OUTER JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid = d.objoid WHERE t.typname IS NOT NULL AND (c.relkind IS NULL OR c.relkind = 'c') AND (et.typcategory IS NULL OR et.typcategory <> 'C') AND t.typnamespace = 'pg_catalog'::regnamespace ORDER BY t.typname
--- schemas
SELECT n.nspname, d.description, pg_get_userbyid(n.nspowner) AS owner FROM pg_catalog.pg_namespace n LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = n.oid AND d.objsubid = 0 AND d.classoid = 'pg_namespace'::regclass WHERE n.nspname NOT LIKE 'pg_t%' ORDER BY nspname
--- roles
SELECT a.rolname, a.rolsuper, a.rolcanlogin FROM pg_catalog.pg_roles a WHERE a.rolname = 'postgres' ORDER BY a.rolname
--- relations
SELECT c.relname, c.relkind, c.relhasindex, c.relispartition, d.description, CASE WHEN c.relkind = 'v' OR c.relkind = 'm' THEN pg_get_viewdef(c.oid, true) END AS definition, c.relacl, c.reloptions FROM pg_catalog.pg_class c
LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = c.oid AND d.objsubid = 0 AND d.classoid = 'pg_class'::regclass WHERE c.relnamespace = 'bi'::regnamespace AND c.relkind NOT IN ('i', 'I', 'c') ORDER BY c.relname
--- columns
SELECT c.relname, a.attname, a.attnum, a.attnotnull, a.attidentity, a.atttypmod, format_type(a.atttypid, a.atttypmod) AS type, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) AS def_value, dsc.description
FROM pg_catalog.pg_attribute a INNER JOIN pg_catalog.pg_class c ON a.attrelid = c.oid LEFT OUTER JOIN pg_catalog.pg_attrdef ad ON a.attrelid = ad.adrelid AND a.attnum = ad.adnum LEFT OUTER JOIN pg_catalog.pg_description dsc ON c.oid = dsc.objoid AND a.attnum = dsc.objsubid
WHERE NOT a.attisdropped AND a.attnum > 0 AND c.relnamespace = 'bi'::regnamespace AND c.relkind NOT IN ('i', 'I', 'c') ORDER BY c.relname, a.attnum
--- constraints
SELECT c.conname, c.contype, t.relname AS tabrel, rt.relname AS refrel, c.conkey, pg_get_constraintdef(c.oid) AS definition FROM pg_catalog.pg_constraint c INNER JOIN pg_catalog.pg_class t ON t.oid = c.conrelid LEFT OUTER JOIN pg_catalog.pg_class rt ON rt.oid = c.confrelid
WHERE c.connamespace = 'bi'::regnamespace ORDER BY 1
--- indexes
SELECT i.indisunique, i.indisprimary, i.indkey::text, c.relname, c.relkind, ta.relname AS tabrelname, am.amname, pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS pred_expr FROM pg_catalog.pg_index i INNER JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
INNER JOIN pg_catalog.pg_class ta ON ta.oid = i.indrelid INNER JOIN pg_catalog.pg_am am ON am.oid = c.relam WHERE ta.relnamespace = 'bi'::regnamespace ORDER BY c.relname
--- triggers and rules
SELECT t.tgname, r.rulename FROM pg_catalog.pg_class c LEFT OUTER JOIN pg_catalog.pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal LEFT OUTER JOIN pg_catalog.pg_rewrite r ON r.ev_class = c.oid AND r.rulename <> '_RETURN' WHERE c.relnamespace = 'bi'::regnamespace AND c.relname = 'invoices'
--- sequences and functions
SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relkind = 'S' AND c.relnamespace = 'bi'::regnamespace UNION ALL SELECT p.proname FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'bi'::regnamespace
--- partitions and parents
SELECT i.inhseqno, ic.relname FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class ic ON ic.oid = i.inhparent WHERE i.inhrelid = 'bi.invoices'::regclass
--- privileges
SELECT grantee, privilege_type, is_grantable FROM information_schema.table_privileges WHERE table_schema = 'bi' AND table_name = 'invoices' ORDER BY 1, 2
--- dependencies of a view
SELECT DISTINCT dependee.relname FROM pg_catalog.pg_depend dep JOIN pg_catalog.pg_rewrite rw ON dep.objid = rw.oid JOIN pg_catalog.pg_class dependent ON rw.ev_class = dependent.oid JOIN pg_catalog.pg_class dependee ON dep.refobjid = dependee.oid
WHERE dependent.relname = 'monthly' AND dependee.relname <> 'monthly' ORDER BY 1
--- path of the editor
SET search_path = bi, public, "$user"
--- rows of a table
SELECT id, account_id, total, paid, issued, "at", note FROM bi.invoices ORDER BY id LIMIT 200
--- rows of a table by the path alone
SELECT x.* FROM accounts x ORDER BY x.id
--- rows of a materialized view
SELECT plan, "month", invoices, total FROM bi.monthly ORDER BY "month", plan
--- filtered and sorted in the grid
SELECT id, "name", plan, created FROM bi.accounts WHERE "name" ILIKE '%1%' AND created > '2026-01-05' ORDER BY created DESC LIMIT 200
--- count of rows
SELECT count(*) FROM (SELECT id, account_id FROM bi.invoices WHERE total > 10) dbvrcnt
--- grouping panel
SELECT note, count(*) FROM (SELECT id, note FROM bi.invoices) src GROUP BY note ORDER BY 2 DESC
--- distinct values for a filter
SELECT plan, count(*) FROM bi.accounts WHERE plan IS NOT NULL GROUP BY plan ORDER BY plan LIMIT 200
--- manual commit
BEGIN
--- read in a transaction
SELECT count(*) FROM bi.invoices
--- and its savepoint
SAVEPOINT "_dbeaver_1"
--- read behind a savepoint
SELECT max(total) FROM bi.invoices
--- release
RELEASE SAVEPOINT "_dbeaver_1"
--- rollback
ROLLBACK
--- plan of a query on the OLTP side
EXPLAIN SELECT 1
--- path as it was
RESET search_path
