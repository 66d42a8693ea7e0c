//! RisingWave: portals survive a Sync, a read-write BEGIN starts nothing, and its catalogs are its own.
//!
//! Facts are from a running 2.8.4; the full adapter (SQLSTATEs, parameter types, cursors, cancel by `KILL`) is the work of a later issue.

use super::Dialect;

/// RisingWave.
pub(super) struct RisingWave;

impl Dialect for RisingWave {
    fn read_only_parameters(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn read_block(&self) -> Option<(&'static str, &'static str)> {
        None
    }

    fn followed_settings(&self) -> &'static [&'static str] {
        &[]
    }

    fn relations_query(&self) -> &'static str {
        "SELECT s.name AS schema_name, r.name, r.relation_type FROM rw_catalog.rw_relations r \
         JOIN rw_catalog.rw_schemas s ON s.id = r.schema_id \
         WHERE r.relation_type IN ('table','materialized view','view','source','sink','index') \
         AND s.name NOT IN ('pg_catalog','information_schema','rw_catalog')"
    }

    fn explain_catalog_error(&self, why: &str) -> String {
        if why.contains("rw_catalog") {
            return format!("this is not RisingWave (engine: postgres is for PostgreSQL): {why}");
        }
        why.to_owned()
    }

    fn functions_query(&self) -> Option<&'static str> {
        None
    }

    fn hides_notice(&self, message: &str) -> bool {
        message.contains("transaction is not supported yet")
            || message.contains("there is no transaction in progress")
    }
}
