//! RisingWave: portals survive a Sync, a read-write BEGIN starts nothing, and its catalogs are its own.
//!
//! Facts are from a running 2.8.4.

mod arrays;
mod binary;
mod constants;
mod ddl;
mod encoded;
mod errors;
#[cfg(test)]
mod errors_tests;
mod grouping;
mod intervals;
mod lineage;
mod literals;
mod own;
mod sizes;
mod times;
mod values;

use super::values::Values;
use super::{Dialect, Keyless, Lineage, Plan, Shown, TextRow};
use crate::catalog::Qualified;
use crate::error::ClientError;
use crate::sql::RelationName;

/// Longer statements are sent as they are, as are those with parentheses nested deeper: looking into them would take too long.
const ADAPTED_BYTES_MAX: usize = 256 * 1024;
const ADAPTED_DEPTH_MAX: usize = 100;

/// RisingWave.
pub(super) struct RisingWave;

impl Dialect for RisingWave {
    fn read_only_parameters(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn read_block(&self) -> Option<(&'static str, &'static str)> {
        None
    }

    fn snapshot_block(&self) -> Option<(&'static str, &'static str)> {
        // By itself it ends one that is idle for a minute. How long a transaction may be idle is for the client's own side to say.
        Some((
            "SET idle_in_transaction_session_timeout TO 0; BEGIN READ ONLY",
            "COMMIT",
        ))
    }

    fn copies_out(&self) -> bool {
        false
    }

    fn followed_settings(&self) -> &'static [&'static str] {
        &["TimeZone", "application_name"]
    }

    fn followed_value(&self, name: &str, value: &str) -> Option<String> {
        // It knows zones by their names in the tz database alone, not PostgreSQL's own files nor offsets in POSIX's form.
        let special = ["posix/", "right/", "localtime", "posixrules", "Factory"];
        let zone = || {
            let named = value
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+'));
            let listed = value.contains('/') || matches!(value, "UTC" | "GMT");
            named && listed && !special.iter().any(|prefix| value.starts_with(prefix))
        };
        (name != "TimeZone" || zone()).then(|| value.to_owned())
    }

    fn relations_query(&self) -> &'static str {
        // A table that mirrors one of a source says so in its definition alone.
        "SELECT s.name AS schema_name, r.name, \
         CASE WHEN r.relation_type = 'table' AND r.definition LIKE '% FROM % TABLE ''%' THEN 'mirrored table' \
         ELSE r.relation_type END AS relation_type FROM rw_catalog.rw_relations r \
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

    fn lineage(&self) -> &'static Lineage {
        &lineage::LINEAGE
    }

    fn columns_query(&self, names: &str) -> String {
        lineage::columns_query(names)
    }

    fn upstream(&self, definition: &str) -> Option<Qualified> {
        lineage::upstream(definition)
    }

    fn copy_query(&self, schema: &str, table: &str) -> String {
        lineage::copy_query(schema, table)
    }

    fn recovery(&self) -> Option<(&'static str, &'static str)> {
        Some(("SELECT rw_recovery_status()", "RUNNING"))
    }

    fn functions_query(&self) -> Option<&'static str> {
        None
    }

    fn hides_notice(&self, message: &str) -> bool {
        message.contains("transaction is not supported yet")
            || message.contains("there is no transaction in progress")
    }

    fn translate_error(&self, code: &str, message: &str) -> Option<ClientError> {
        Some(errors::translate(code, message))
    }

    fn may_lack(&self) -> bool {
        true
    }

    fn hangs_up_after(&self, message: &str) -> bool {
        message.starts_with("Panicked when handling the request")
    }

    fn restarts_portals(&self) -> bool {
        true
    }

    fn outdates_plan(&self, _: &str, message: &str) -> bool {
        message.contains("vnode mapping not found")
            || (message.starts_with("Failed to execute the statement")
                && message.contains("Catalog error"))
    }

    fn values(&self) -> Option<&'static dyn Values> {
        Some(&values::RisingWaveValues)
    }

    fn adapt(&self, definition: &str) -> Result<Plan, ClientError> {
        ddl::adapt(definition)
    }

    fn adapt_query(
        &self,
        statement: &str,
        key_of: &dyn Fn(&RelationName) -> Option<Vec<String>>,
    ) -> Option<String> {
        if statement.len() > ADAPTED_BYTES_MAX || is_deep(statement) {
            return None;
        }
        let groups = |text: &str| grouping::adapt(text, key_of);
        let sizes = |text: &str| sizes::adapt(text, &values::RisingWaveValues);
        let changed = then(None, statement, groups);
        let changed = then(changed, statement, sizes);
        let changed = then(changed, statement, constants::adapt);
        then(changed, statement, literals::adapt)
    }

    fn makes_visible(&self) -> Option<&'static str> {
        Some("FLUSH")
    }

    fn asks(&self, words: &str) -> Option<Shown> {
        own::asks(words)
    }

    fn own_setting(&self, name: &str) -> Option<&'static str> {
        own::setting(name)
    }

    fn tag(&self, tag: &[u8]) -> Option<&'static str> {
        match tag {
            b"SHOW_COMMAND" | b"SHOW_VARIABLE" => Some("SHOW"),
            _ => None,
        }
    }

    fn may_lose_cancels(&self) -> bool {
        true
    }

    fn keyless(&self) -> Option<Keyless> {
        Some(Keyless {
            own_id: "SELECT pg_backend_pid()",
            sessions: "SHOW PROCESSLIST",
            kill,
        })
    }
}

/// Whether parentheses, those in texts too, are nested deeper than anything that people or libraries write.
fn is_deep(statement: &str) -> bool {
    let mut depth = 0_usize;
    statement.bytes().any(|byte| {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > ADAPTED_DEPTH_MAX
    })
}

/// One change more to a statement, some of which may have been made.
fn then(
    changed: Option<String>,
    statement: &str,
    change: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let again = change(changed.as_deref().unwrap_or(statement));
    again.or(changed)
}

/// Whether a statement has one of these words in it, in upper or in lower case.
fn mentions(statement: &str, words: &[&str]) -> bool {
    let has = |word: &str| memchr::memmem::find(statement.as_bytes(), word.as_bytes()).is_some();
    words
        .iter()
        .any(|word| has(word) || has(&word.to_ascii_uppercase()))
}

/// The statement that ends what the session `id` runs. Its rows say worker, `worker:id`, user and more; with several frontends the same
/// number may stand for several sessions, and none of them is ended then.
fn kill(sessions: &[TextRow], id: i32) -> Option<String> {
    let suffix = format!(":{id}");
    let mut found = sessions
        .iter()
        .filter_map(|row| row.get(1)?.as_deref())
        .filter(|process| {
            process.ends_with(&suffix) && process.bytes().all(|b| b.is_ascii_digit() || b == b':')
        });
    let only = found.next()?;
    found.next().is_none().then(|| format!("KILL '{only}'"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What such statements are made of.
    const WORDS: &[&str] = &[
        "select",
        "from",
        "group by",
        "having",
        "order by",
        "union all",
        "join t on",
        "cast(",
        "as",
        "::",
        "numeric(3, 1)",
        "varchar(2)",
        "character varying(2)",
        "numeric",
        "uuid",
        "'1'",
        "'a",
        "\"q\"",
        "(",
        ")",
        "[",
        "]",
        ",",
        ".",
        "t",
        "t.a",
        "t.id",
        "limit",
        "offset",
        "fetch first",
        "rows only",
        "1",
        "$1",
        "f(",
        "is distinct from",
        "é",
        "-",
        "case when",
        "with x as (",
    ];

    #[test]
    fn no_statement_is_too_deep_or_takes_too_long() {
        let odd = [
            format!(
                "SELECT {}1{} GROUP BY 1",
                "(".repeat(9000),
                ")".repeat(9000)
            ),
            format!("SELECT 1 LIMIT {}1{}", "(".repeat(9000), ")".repeat(9000)),
            format!("SELECT a{}::numeric(3, 1)", "::text".repeat(9000)),
            format!("SELECT a{}", "::numeric(3, 1)".repeat(9000)),
            format!("{} GROUP BY 1", "SELECT a.b ".repeat(9000)),
            format!("SELECT {}", "CAST(".repeat(9000)),
            format!("SELECT {} 1 GROUP BY 1", "(SELECT a.b) ".repeat(9000)),
        ];
        let work = std::thread::Builder::new()
            .stack_size(256 * 1024)
            .spawn(move || {
                for statement in odd {
                    let _ = RisingWave.adapt_query(&statement, &|_| None);
                }
            });
        work.expect("a thread").join().expect("no overflow");
    }

    proptest! {
        #[test]
        fn no_statement_is_too_odd(words in proptest::collection::vec(0..WORDS.len(), 0..40), tight: bool) {
            let words: Vec<&str> = words.into_iter().map(|at| WORDS[at]).collect();
            let statement = words.join(if tight { "" } else { " " });
            let adapted = RisingWave.adapt_query(&statement, &|_| Some(vec!["id".to_owned()]));
            // What was changed has nothing left to change but what the change itself has made.
            let changed = adapted.unwrap_or(statement);
            let again = RisingWave.adapt_query(&changed, &|_| Some(vec!["id".to_owned()]));
            prop_assert!(again.is_none() || changed.contains("::") || changed.contains("cast("), "{changed}");
        }
    }

    #[test]
    fn a_session_is_killed_by_its_worker_and_number_and_only_where_there_is_one() {
        let row = |process: &str| vec![Some("1".to_owned()), Some(process.to_owned())];
        let list = [row("1:3"), row("1:13"), row("2:4")];
        assert_eq!(kill(&list, 3).as_deref(), Some("KILL '1:3'"));
        assert_eq!(kill(&list, 4).as_deref(), Some("KILL '2:4'"));
        assert_eq!(kill(&list, 5), None);
        assert_eq!(kill(&[row("1:3"), row("2:3")], 3), None);
        assert_eq!(kill(&[row("1'; DROP:3")], 3), None);
    }

    #[test]
    fn a_time_zone_is_followed_by_its_name_only() {
        for zone in [
            "UTC",
            "Asia/Tokyo",
            "America/Argentina/Buenos_Aires",
            "Etc/GMT+8",
        ] {
            assert_eq!(
                RisingWave.followed_value("TimeZone", zone).as_deref(),
                Some(zone)
            );
        }
        for zone in [
            "<+02>-02",
            "localtime",
            "posix/Asia/Tokyo",
            "EST5EDT,M3.2.0",
            "x'y/z",
            "",
        ] {
            assert_eq!(RisingWave.followed_value("TimeZone", zone), None, "{zone}");
        }
        let name = RisingWave.followed_value("application_name", "my app's");
        assert_eq!(name.as_deref(), Some("my app's"));
    }

    #[test]
    fn a_panic_and_a_plan_that_is_out_of_date_are_known_by_their_words() {
        let panic = "Panicked when handling the request: index out of bounds";
        assert!(RisingWave.hangs_up_after(panic) && !RisingWave.outdates_plan("XX000", panic));
        let stale = "Failed to execute the statement\n\nCaused by these errors (recent errors listed first):\n  1: Scheduler error\n  2: Streaming vnode mapping not found for fragment 57\n";
        assert!(RisingWave.outdates_plan("XX000", stale) && !RisingWave.hangs_up_after(stale));
        let parse = "Failed to prepare the statement\n\nCaused by these errors (recent errors listed first):\n  1: Catalog error\n  2: table or source not found: nosuch\n";
        assert!(!RisingWave.outdates_plan("42704", parse));
    }
}
