-- What the double keeps beside PostgreSQL's own catalog, and RisingWave's catalog as views over both.
CREATE SCHEMA IF NOT EXISTS rw_meta;
CREATE SCHEMA IF NOT EXISTS rw_catalog;
CREATE SCHEMA IF NOT EXISTS rw_fn;

CREATE SEQUENCE rw_meta.ids START 1000001;
CREATE TABLE rw_meta.objects (
    id int PRIMARY KEY DEFAULT nextval('rw_meta.ids'),
    kind text NOT NULL,
    schema_name text NOT NULL DEFAULT 'public',
    name text NOT NULL,
    definition text NOT NULL DEFAULT '',
    key text[] NOT NULL DEFAULT '{}',
    append_only bool NOT NULL DEFAULT false,
    connector text,
    props jsonb,
    source_id int,
    upstream text,
    status text NOT NULL DEFAULT 'Created',
    backfilled bool NOT NULL DEFAULT true
);
CREATE TABLE rw_meta.settings (name text PRIMARY KEY, value text NOT NULL);
CREATE TABLE rw_meta.recovery (status varchar NOT NULL);
INSERT INTO rw_meta.recovery VALUES ('RUNNING');

-- A relation that PostgreSQL has and nobody made through the double counts as what it looks like.
CREATE VIEW rw_meta.relations AS
    SELECT coalesce(o.id, c.oid::int8::int4) AS id, c.oid AS behind, n.nspname::varchar AS schema_name, c.relname::varchar AS name,
           n.oid::int8::int4 AS schema_id,
           coalesce(o.kind, CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' END)::varchar AS relation_type,
           coalesce(nullif(o.definition, ''), '')::varchar AS definition,
           coalesce(o.append_only, false) AS append_only, coalesce(o.key, '{}') AS key,
           o.connector, o.props, o.source_id, o.upstream, coalesce(o.status, 'Created')::varchar AS status, coalesce(o.backfilled, true) AS backfilled
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN rw_meta.objects o ON o.schema_name = n.nspname AND o.name = c.relname
    -- State tables are found by their names alone, as everything internal is.
    WHERE c.relkind IN ('r', 'p', 'v', 'm') AND c.relname NOT LIKE '\_\_internal\_%' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'rw_meta', 'rw_catalog', 'rw_fn')
    UNION ALL
    SELECT o.id, NULL, o.schema_name::varchar, o.name::varchar, n.oid::int8::int4, o.kind::varchar, o.definition::varchar, o.append_only, o.key, o.connector, o.props,
           o.source_id, o.upstream, o.status::varchar, o.backfilled
    FROM rw_meta.objects o
    JOIN pg_catalog.pg_namespace n ON n.nspname = o.schema_name
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND c.relname = o.name);

CREATE VIEW rw_catalog.rw_schemas AS
    SELECT n.oid::int8::int4 AS id, n.nspname::varchar AS name, 1 AS owner, NULL::varchar AS acl
    FROM pg_catalog.pg_namespace n WHERE n.nspname NOT IN ('pg_toast', 'rw_meta', 'rw_fn');
CREATE VIEW rw_catalog.rw_relations AS
    SELECT id, name, relation_type, schema_id, 1 AS owner, definition, NULL::varchar AS acl FROM rw_meta.relations
    WHERE relation_type IN ('table', 'source', 'index', 'sink', 'subscription', 'materialized view', 'view')
    UNION ALL
    -- A table with a connector of its own is listed again as its source.
    SELECT id + 600000000, name, 'source'::varchar, schema_id, 1, definition, NULL::varchar FROM rw_meta.relations
    WHERE relation_type = 'table' AND connector IS NOT NULL;
CREATE VIEW rw_catalog.rw_tables AS
    SELECT id, name, schema_id, 1 AS owner, definition, append_only, NULL::varchar AS acl FROM rw_meta.relations WHERE relation_type = 'table';
CREATE VIEW rw_catalog.rw_materialized_views AS
    SELECT id, name, schema_id, 1 AS owner, definition, append_only, NULL::varchar AS acl, false AS background_ddl, status/*3: , schema_name*/
    FROM rw_meta.relations WHERE relation_type = 'materialized view';
CREATE VIEW rw_catalog.rw_views AS
    SELECT id, name, schema_id, 1 AS owner, definition, NULL::varchar AS acl FROM rw_meta.relations WHERE relation_type = 'view';
CREATE VIEW rw_catalog.rw_indexes AS
    SELECT id, name, schema_id, 1 AS owner, definition, NULL::varchar AS acl, source_id AS primary_table_id FROM rw_meta.relations WHERE relation_type = 'index';
CREATE VIEW rw_catalog.rw_sinks AS
    SELECT id, name, schema_id, 1 AS owner, definition, NULL::varchar AS acl, connector::varchar FROM rw_meta.relations WHERE relation_type = 'sink';
CREATE VIEW rw_catalog.rw_subscriptions AS
    SELECT id, name, schema_id, 1 AS owner, definition, NULL::varchar AS acl/*3: , schema_name*/ FROM rw_meta.relations WHERE relation_type = 'subscription';
CREATE VIEW rw_catalog.rw_sources AS
    SELECT id, name, schema_id, 1 AS owner, upper(connector)::varchar AS connector, 'PLAIN'::varchar AS format, append_only,
           NULL::int AS associated_table_id, NULL::int AS connection_id, definition, NULL::varchar AS acl,
           lower(connector) LIKE '%-cdc' AS is_shared, props AS connector_props
    FROM rw_meta.relations WHERE relation_type = 'source'
    UNION ALL
    SELECT id + 600000000, name, schema_id, 1, upper(connector)::varchar, 'PLAIN'::varchar, append_only, id, NULL, definition, NULL, false, props
    FROM rw_meta.relations WHERE relation_type = 'table' AND connector IS NOT NULL;
CREATE VIEW rw_catalog.rw_columns AS
    SELECT r.id AS relation_id, a.attname::varchar AS name, a.attnum::int AS "position", false AS is_hidden,
           (a.attname::text = ANY (r.key)) AS is_primary_key, false AS is_generated, NOT a.attnotnull AS is_nullable,
           format_type(a.atttypid, NULL)::varchar AS data_type,
           (CASE a.atttypid WHEN 25 THEN 1043 ELSE a.atttypid::int8::int4 END) AS type_oid, a.attlen::int AS type_len, ''::varchar AS udt_type
    FROM rw_meta.relations r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.behind AND a.attnum > 0 AND NOT a.attisdropped;
CREATE VIEW rw_catalog.rw_depend AS
    SELECT DISTINCT r.id AS objid, u.id AS refobjid
    FROM rw_meta.relations r
    JOIN pg_catalog.pg_rewrite w ON w.ev_class = r.behind
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
    JOIN rw_meta.relations u ON u.behind = d.refobjid AND u.behind <> r.behind
    UNION
    SELECT id, source_id FROM rw_meta.relations WHERE source_id IS NOT NULL;
CREATE VIEW rw_catalog.rw_databases AS SELECT 1 AS id, 'DATABASE'::varchar AS name, 1 AS owner;
CREATE VIEW rw_catalog.rw_users AS SELECT 1 AS id, 'root'::varchar AS name, true AS is_super;
CREATE VIEW rw_catalog.rw_secrets AS SELECT id, name, 1 AS owner FROM rw_meta.relations WHERE relation_type = 'secret';
CREATE VIEW rw_catalog.rw_connections AS SELECT id, name, 1 AS owner FROM rw_meta.relations WHERE relation_type = 'connection';
CREATE VIEW rw_catalog.rw_ddl_progress AS
    SELECT id::int8 AS ddl_id, definition AS ddl_statement, '0.0%'::varchar AS progress FROM rw_meta.relations WHERE status <> 'Created';
CREATE VIEW rw_catalog.rw_cdc_progress AS
    SELECT id AS job_id, 1::int8 AS split_total_count, backfilled::int::int8 AS split_backfilled_count, backfilled::int::int8 AS split_completed_count
    -- Copies that are not made in parallel are told of by their state tables alone.
    FROM rw_meta.relations WHERE upstream IS NOT NULL AND definition ILIKE '%backfill.parallelism%';
CREATE VIEW rw_catalog.rw_hummock_snapshot AS
    SELECT id AS table_id, (extract(epoch FROM statement_timestamp()) * 1000)::int8 << 16 AS committed_epoch FROM rw_meta.relations;
CREATE VIEW rw_catalog.rw_recovery_info AS SELECT 1 AS database_id, 'DATABASE'::varchar AS database_name, 'RUNNING'::varchar AS recovery_state;
CREATE VIEW rw_catalog.rw_internal_table_info AS
    SELECT id + 500000000 AS id, ('__internal_' || name || '_1_streamcdcscan_1')::varchar AS name, id AS job_id, name AS job_name, 'table'::varchar AS job_type, schema_name
    FROM rw_meta.relations WHERE upstream IS NOT NULL;

-- These come before PostgreSQL's functions of the same names: pg_catalog stands last in the search path.
CREATE FUNCTION rw_fn.version() RETURNS varchar LANGUAGE sql AS $$ SELECT 'PostgreSQL 13.14.0-RisingWave-VERSION (unknown)'::varchar $$;
CREATE FUNCTION rw_fn.pg_backend_pid() RETURNS int LANGUAGE sql AS $$ SELECT pg_catalog.current_setting('rw.pid')::int $$;
CREATE FUNCTION rw_fn.pg_cancel_backend(int) RETURNS bool LANGUAGE sql AS $$ SELECT false $$;
CREATE FUNCTION rw_fn.pg_terminate_backend(int) RETURNS bool LANGUAGE sql AS $$ SELECT false $$;
CREATE FUNCTION rw_fn.current_database() RETURNS varchar LANGUAGE sql AS $$ SELECT 'DATABASE'::varchar $$;
CREATE FUNCTION rw_fn.current_setting(name text) RETURNS varchar LANGUAGE sql AS
    $$ SELECT coalesce(nullif(pg_catalog.current_setting('rw.' || lower(name), true), ''), (SELECT s.value FROM rw_meta.settings s WHERE s.name = lower($1)), '')::varchar $$;
CREATE FUNCTION rw_fn.set_config(name text, value text, is_local bool) RETURNS varchar LANGUAGE sql AS $$ SELECT value $$;
CREATE FUNCTION rw_fn.rw_recovery_status() RETURNS varchar LANGUAGE sql AS $$ SELECT status FROM rw_meta.recovery $$;
CREATE FUNCTION rw_fn.rw_epoch_to_ts(epoch int8) RETURNS timestamptz LANGUAGE sql AS $$ SELECT to_timestamp((epoch >> 16) / 1000.0) $$;

-- A row with a key that is there already takes the other's place, or is left out. A key of NULL is a key like any other.
CREATE FUNCTION rw_meta.make_room() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    same text;
    kept record;
    removed int;
BEGIN
    SELECT string_agg(format('(t.%1$I = ($1).%1$I OR (t.%1$I IS NULL AND ($1).%1$I IS NULL))', k), ' AND ')
        INTO same FROM unnest(TG_ARGV[1:]) k;
    IF TG_ARGV[0] = 'ignore' THEN
        -- The row that was there takes its own place again, so that it counts as inserted.
        EXECUTE format('DELETE FROM %I.%I t WHERE %s RETURNING t.*', TG_TABLE_SCHEMA, TG_TABLE_NAME, same) INTO kept USING NEW;
        GET DIAGNOSTICS removed = ROW_COUNT;
        IF removed > 0 THEN RETURN kept; END IF;
    ELSE
        EXECUTE format('DELETE FROM %I.%I t WHERE %s', TG_TABLE_SCHEMA, TG_TABLE_NAME, same) USING NEW;
    END IF;
    RETURN NEW;
END $$;

-- Tables that were there before get a key of RisingWave's kind too.
DO $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT c.oid::regclass AS rel, n.nspname, c.relname, k.conname,
                    ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (k.conkey)) AS key
             FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE k.contype = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'rw_meta') LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', r.rel, r.conname);
        EXECUTE format('CREATE INDEX %I ON %s (%s)', r.conname, r.rel, (SELECT string_agg(quote_ident(k), ', ') FROM unnest(r.key) k));
        EXECUTE format('CREATE TRIGGER make_room BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION rw_meta.make_room(''overwrite'', %s)',
                       r.rel, (SELECT string_agg(quote_literal(k), ', ') FROM unnest(r.key) k));
        INSERT INTO rw_meta.objects (id, kind, schema_name, name, key) VALUES (r.rel::oid::int8::int4, 'table', r.nspname, r.relname, r.key);
    END LOOP;
END $$;
GRANT USAGE ON SCHEMA rw_meta, rw_catalog, rw_fn TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA rw_meta, rw_catalog TO PUBLIC;
