//! What does RisingWave tell of where its relations have their rows from?
//!
//! `rw_depend` knows what a view reads and which source a mirrored table hangs on. The upstream table stands in the definition alone. Only
//! single keys of `connector_props` are asked for, as the others hold passwords. The first copy of a mirrored table is told by no
//! progress view: its state table says whether it is done, or `rw_cdc_progress` where it is copied in parallel.

use crate::backend::engine::Lineage;
use crate::catalog::Qualified;

/// The queries.
pub(super) const LINEAGE: Lineage = Lineage {
    bases: "SELECT vs.name, v.name, bs.name, b.name FROM rw_catalog.rw_depend d \
        JOIN rw_catalog.rw_relations v ON v.id = d.objid JOIN rw_catalog.rw_schemas vs ON vs.id = v.schema_id \
        JOIN rw_catalog.rw_relations b ON b.id = d.refobjid JOIN rw_catalog.rw_schemas bs ON bs.id = b.schema_id \
        WHERE v.relation_type IN ('view','materialized view')",
    origins: "SELECT s.name, t.name, NULL::varchar, NULL::varchar, t.definition, c.name, c.connector_props -> 'hostname' ->> 'value', \
          c.connector_props -> 'port' ->> 'value', c.connector_props -> 'database.name' ->> 'value', c.connector_props -> 'slot.name' ->> 'value' \
        FROM rw_catalog.rw_tables t JOIN rw_catalog.rw_schemas s ON s.id = t.schema_id \
        JOIN rw_catalog.rw_depend d ON d.objid = t.id JOIN rw_catalog.rw_sources c ON c.id = d.refobjid \
        WHERE c.connector = 'POSTGRES-CDC' AND c.associated_table_id IS NULL \
        UNION ALL \
        SELECT s.name, t.name, c.connector_props -> 'schema.name' ->> 'value', c.connector_props -> 'table.name' ->> 'value', NULL::varchar, c.name, \
          c.connector_props -> 'hostname' ->> 'value', c.connector_props -> 'port' ->> 'value', \
          c.connector_props -> 'database.name' ->> 'value', c.connector_props -> 'slot.name' ->> 'value' \
        FROM rw_catalog.rw_tables t JOIN rw_catalog.rw_schemas s ON s.id = t.schema_id \
        JOIN rw_catalog.rw_sources c ON c.associated_table_id = t.id WHERE c.connector = 'POSTGRES-CDC'",
    slots: None,
    keys: Some(
        "SELECT s.name, r.name, c.name FROM rw_catalog.rw_columns c JOIN rw_catalog.rw_relations r ON r.id = c.relation_id \
         JOIN rw_catalog.rw_schemas s ON s.id = r.schema_id \
         WHERE c.is_primary_key AND NOT c.is_hidden AND r.relation_type = 'table' AND s.name NOT IN ('pg_catalog','information_schema','rw_catalog')",
    ),
    unready: &[
        (
            "SELECT s.name, m.name, 'it is being filled' FROM rw_catalog.rw_materialized_views m \
             JOIN rw_catalog.rw_schemas s ON s.id = m.schema_id WHERE lower(m.status) <> 'created'",
            "materialized views that are being filled",
        ),
        (
            "SELECT s.name, t.name, 'its first copy is not done' FROM rw_catalog.rw_cdc_progress p \
             JOIN rw_catalog.rw_tables t ON t.id = p.job_id JOIN rw_catalog.rw_schemas s ON s.id = t.schema_id \
             WHERE p.split_completed_count < p.split_total_count",
            "progress of parallel first copies",
        ),
    ],
    copies: Some(
        "SELECT s.name, t.name, i.schema_name, i.name FROM rw_catalog.rw_internal_table_info i \
         JOIN rw_catalog.rw_tables t ON t.id = i.job_id JOIN rw_catalog.rw_schemas s ON s.id = t.schema_id \
         WHERE i.name LIKE '%streamcdcscan%'",
    ),
};

/// `position` and the like are left out on purpose: some column names must be quoted there.
pub(super) fn columns_query(names: &str) -> String {
    format!(
        "SELECT s.name, r.name, c.name FROM rw_catalog.rw_columns c JOIN rw_catalog.rw_relations r ON r.id = c.relation_id \
         JOIN rw_catalog.rw_schemas s ON s.id = r.schema_id WHERE r.name IN ({names}) AND NOT c.is_hidden"
    )
}

/// The table in the last `TABLE '…'` of a mirrored table's definition.
pub(super) fn upstream(definition: &str) -> Option<Qualified> {
    const BEFORE: &str = " TABLE '";
    let at = definition.rfind(BEFORE)? + BEFORE.len();
    let quoted = definition.get(at..)?;
    let name = quoted.split_once('\'')?.0;
    let (schema, table) = name.split_once('.')?;
    (!schema.is_empty() && !table.is_empty()).then(|| Qualified::new(schema, table))
}

/// One row while a table is copied, with `true` once that is done.
pub(super) fn copy_query(schema: &str, table: &str) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    format!(
        "SELECT bool_and(backfill_finished) FROM {}.{}",
        quoted(schema),
        quoted(table)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upstream_table_is_the_last_words_of_a_definition() {
        let told = |text| upstream(text).map(|name| name.to_string());
        let text = "CREATE TABLE customers (*) FROM pg_src TABLE 'public.customers'";
        assert_eq!(told(text).as_deref(), Some("public.customers"));
        let text = "CREATE TABLE t (a INT DEFAULT ' TABLE ') FROM s TABLE 'Shop.Order.Lines' ENGINE = hummock";
        assert_eq!(told(text).as_deref(), Some("Shop.Order.Lines"));
        for text in [
            "CREATE TABLE t (a INT)",
            "x TABLE 'nodot'",
            "x TABLE 'a.b",
            "x TABLE '.b'",
        ] {
            assert_eq!(told(text), None, "{text}");
        }
    }
}
