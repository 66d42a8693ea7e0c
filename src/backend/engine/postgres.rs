//! PostgreSQL in the analytic role: it can be told to refuse writes, and ends portals with their transaction.

use super::Dialect;

/// PostgreSQL.
pub(super) struct Postgres;

impl Dialect for Postgres {
    fn read_only_parameters(&self) -> &'static [(&'static str, &'static str)] {
        &[("options", "-c default_transaction_read_only=on")]
    }

    fn read_block(&self) -> Option<(&'static str, &'static str)> {
        Some(("BEGIN READ ONLY", "ROLLBACK"))
    }

    fn followed_settings(&self) -> &'static [&'static str] {
        &["client_encoding", "DateStyle", "IntervalStyle", "TimeZone"]
    }

    fn relations_query(&self) -> &'static str {
        "SELECT n.nspname, c.relname, c.relkind::text FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r','p','v','m','f','S','i','I') AND c.relpersistence <> 't' \
         AND n.nspname NOT IN ('pg_catalog','information_schema','pg_toast')"
    }

    fn functions_query(&self) -> Option<&'static str> {
        Some(
            "SELECT n.nspname, p.proname, \
             bool_and(p.provolatile IN ('i','s') AND p.prokind IN ('f','a','w')) \
             FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
             WHERE n.nspname NOT IN ('pg_catalog','information_schema') GROUP BY 1, 2",
        )
    }

    fn leaving_query(&self) -> Option<&'static str> {
        // By the words of its source; calls of set_config that are plainly for the transaction do not count.
        Some(
            "WITH code AS (SELECT p.oid, p.proname, p.prosrc ~* '\\m(pg_(try_)?advisory_lock|listen|temp(orary)?)' AS leaves, \
               pg_catalog.regexp_replace(p.prosrc, 'set_config\\s*\\([^()]*,\\s*true\\s*\\)', '', 'gi') \
                 ~* '(set_config|setseed|dblink|\\mload\\M)' AS hides \
               FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
               WHERE n.nspname NOT IN ('pg_catalog','information_schema')) \
             SELECT 'function', proname, bool_or(hides)::text FROM code WHERE leaves OR hides GROUP BY 2 \
             UNION ALL SELECT 'relation', c.relname, bool_or(code.hides)::text FROM pg_catalog.pg_trigger t \
               JOIN code ON code.oid = t.tgfoid JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid \
               WHERE NOT t.tgisinternal AND (leaves OR hides) GROUP BY 2",
        )
    }

    fn hides_notice(&self, _: &str) -> bool {
        false
    }
}
