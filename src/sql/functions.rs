//! Is a function known to leave everything as it was?
//!
//! A statement that reads may still write through a function it calls. Only functions on a closed
//! list are trusted; every other name, and every name in another schema, is not.
//!
//! The list, `builtin_functions.txt`, holds the names in `pg_catalog` of PostgreSQL 15 for which every
//! overload is immutable or stable:
//!
//! ```sql
//! SELECT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace GROUP BY proname
//! HAVING bool_and(provolatile IN ('i', 's') AND prokind <> 'p')
//! ```
//!
//! without those that SQL cannot call (`internal`, `cstring`, trigger and handler functions), and
//! without stable ones that run SQL text or dump relations (`*_to_xml`, `*_to_xmlschema`), assign a
//! transaction id (`txid_current`), or read server files (`pg_config`, `pg_available_extensions`,
//! `pg_timezone_names`). Added are harmless volatile ones (`random`, `clock_timestamp`, `pg_sleep`,
//! `gen_random_uuid`), the names under which syntax shows up (`coalesce`, `extract`, `json_object`),
//! newer PostgreSQL functions, and RisingWave's `tumble`, `hop`, `proctime` and the like.

use std::sync::LazyLock;

use foldhash::HashSet;

use super::facts::FunctionName;

static BUILTINS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("builtin_functions.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect()
});

/// Operators of PostgreSQL 15's `pg_catalog`. Any other may be a user's, with any function behind it.
const OPERATORS: &[&str] = &[
    "!!", "!~", "!~*", "!~~", "!~~*", "#", "##", "#-", "#>", "#>>", "%", "&", "&&", "&<", "&<|",
    "&>", "*", "*<", "*<=", "*<>", "*=", "*>", "*>=", "+", "-", "->", "->>", "-|-", "/", "<",
    "<->", "<<", "<<=", "<<|", "<=", "<>", "!=", "<@", "<^", "=", ">", ">=", ">>", ">>=", ">^",
    "?", "?#", "?&", "?-", "?-|", "?|", "?||", "@", "@-@", "@>", "@?", "@@", "@@@", "^", "^@", "|",
    "|&>", "|/", "|>>", "||", "||/", "~", "~*", "~<=~", "~<~", "~=", "~>=~", "~>~", "~~", "~~*",
    "=>",
];

/// Whether a function of this name neither writes nor has another side effect.
#[must_use]
pub fn is_read_only_builtin(name: &FunctionName) -> bool {
    let in_catalog = name
        .schema
        .as_deref()
        .is_none_or(|schema| schema == "pg_catalog");
    in_catalog && BUILTINS.contains(name.name.as_str())
}

/// Whether an operator is one of PostgreSQL's own.
pub(super) fn is_builtin_operator(operator: &[u8]) -> bool {
    OPERATORS.iter().any(|known| known.as_bytes() == operator)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(schema: Option<&str>, name: &str) -> bool {
        is_read_only_builtin(&FunctionName {
            schema: schema.map(str::to_owned),
            name: name.to_owned(),
        })
    }

    #[test]
    fn the_list_is_sorted_and_holds_what_dashboards_call() {
        let lines: Vec<&str> = include_str!("builtin_functions.txt")
            .lines()
            .skip(1)
            .collect();
        assert!(lines.windows(2).all(|pair| pair[0] < pair[1]));
        for name in [
            "count",
            "sum",
            "lower",
            "now",
            "date_trunc",
            "coalesce",
            "extract",
            "random",
            "tumble",
            "hop",
            "gap_fill",
            "proctime",
            "unnest",
            "generate_series",
            "row_number",
            "jsonb_agg",
            "current_timestamp",
            "pg_sleep",
            "to_char",
            "array_agg",
            "has_table_privilege",
        ] {
            assert!(trusted(None, name), "{name}");
            assert!(trusted(Some("pg_catalog"), name), "{name}");
            assert!(!trusted(Some("public"), name), "{name}");
        }
    }

    #[test]
    fn nothing_with_a_side_effect_is_on_it() {
        for name in [
            "nextval",
            "setval",
            "currval",
            "lastval",
            "set_config",
            "pg_advisory_lock",
            "pg_try_advisory_lock",
            "pg_advisory_unlock_all",
            "pg_notify",
            "dblink",
            "dblink_exec",
            "lo_create",
            "lo_import",
            "lo_export",
            "lo_unlink",
            "lo_get",
            "lo_put",
            "lowrite",
            "loread",
            "pg_read_file",
            "pg_ls_dir",
            "pg_terminate_backend",
            "pg_cancel_backend",
            "pg_reload_conf",
            "pg_rotate_logfile",
            "pg_switch_wal",
            "query_to_xml",
            "table_to_xml",
            "schema_to_xml",
            "cursor_to_xml",
            "database_to_xml",
            "txid_current",
            "setseed",
            "pg_current_xact_id",
            "pg_logical_emit_message",
            "pg_export_snapshot",
            "pg_stat_reset",
            "pg_create_restore_point",
            "pg_promote",
            "ts_stat",
            "ts_rewrite",
            "my_writer",
            "",
            "pg_replication_origin_create",
            "pg_import_system_collations",
            "pg_stat_file",
            "brin_summarize_new_values",
            "gin_clean_pending_list",
            "pg_log_backend_memory_contexts",
        ] {
            assert!(!trusted(None, name), "{name}");
        }
        assert!(
            !BUILTINS
                .iter()
                .any(|n| n.contains("advisory") || n.starts_with("lo_"))
        );
    }
}
