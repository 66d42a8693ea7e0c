//! Which statements and settings has RisingWave that PostgreSQL knows nothing like?
//!
//! Both lists are closed: what is not on them goes to PostgreSQL, which says that there is no such thing. Names are those of 2.8 and 3.0; a server that
//! has one of them not says so itself.

use crate::backend::engine::Shown;

/// `SHOW` of kinds, with an optional `FROM schema` and `LIKE 'pattern'`, and of the cluster; and whether it may show passwords: in statements that made
/// something, in those that others run, in the properties of connectors, in the url of the state store.
const KINDS: &[(&[&str], bool)] = &[
    (&["tables"], false),
    (&["internal", "tables"], false),
    (&["sources"], false),
    (&["sinks"], false),
    (&["subscriptions"], false),
    (&["views"], false),
    (&["materialized", "views"], false),
    (&["functions"], false),
    (&["secrets"], false),
    (&["connections"], true),
    (&["databases"], false),
    (&["schemas"], false),
    (&["cluster"], false),
    (&["jobs"], true),
    (&["processlist"], true),
    (&["cursors"], false),
    (&["subscription", "cursors"], false),
    (&["parameters"], true),
];

/// What is shown of a relation.
const RELATIONS: &[(&[&str], bool)] = &[
    (&["columns", "from"], false),
    (&["indexes", "from"], false),
    (&["create", "table"], true),
    (&["create", "source"], true),
    (&["create", "sink"], true),
    (&["create", "view"], false),
    (&["create", "materialized", "view"], false),
    (&["create", "index"], false),
    (&["describe"], false),
];

/// What is shown of other things.
const OTHERS: &[(&[&str], bool)] = &[
    (&["create", "subscription"], false),
    (&["create", "function"], false),
    (&["create", "connection"], true),
    (&["create", "secret"], true),
];

/// What a SHOW of these words asks for, if RisingWave knows it.
pub(super) fn asks(words: &str) -> Option<Shown> {
    let begins = |(known, _): &&(&[&str], bool)| {
        let mut words = words.split_whitespace();
        known.iter().all(|word| words.next() == Some(*word))
    };
    let found = |list: &[(&[&str], bool)], of_relation| {
        let secret = list.iter().find(begins)?.1;
        Some(Shown {
            of_relation,
            secret,
        })
    };
    found(KINDS, false)
        .or_else(|| found(RELATIONS, true))
        .or_else(|| found(OTHERS, false))
}

const SETTINGS: &[&str] = &[
    "auto_locality_backfill_min_size",
    "backfill_rate_limit",
    "background_ddl",
    "batch_enable_distributed_dml",
    "batch_enable_lookup_join",
    "batch_enable_sort_agg",
    "batch_expr_strict_mode",
    "batch_hnsw_ef_search",
    "batch_parallelism",
    "bypass_cluster_limits",
    "cdc_source_wait_streaming_start_timeout",
    "create_compaction_group_for_mv",
    "datafusion_prefer_hash_join",
    "disable_purify_definition",
    "dml_rate_limit",
    "dml_wait_persistence",
    "enable_datafusion_engine",
    "enable_index_selection",
    "enable_join_ordering",
    "enable_locality_backfill",
    "enable_mv_selection",
    "enable_serverless_backfill",
    "enable_share_plan",
    "enable_two_phase_agg",
    "force_split_distinct_agg",
    "force_two_phase_agg",
    "iceberg_engine_connection",
    "iceberg_query_storage_mode",
    "implicit_flush",
    "locality_backfill_mode",
    "max_split_range_gap",
    "query_epoch",
    "query_mode",
    "sink_decouple",
    "sink_rate_limit",
    "slow_ddl_notification_secs",
    "source_rate_limit",
    "streaming_allow_jsonb_in_stream_key",
    "streaming_asof_join_use_cache",
    "streaming_cache_refill_policy",
    "streaming_enable_bushy_join",
    "streaming_enable_delta_join",
    "streaming_enable_unaligned_join",
    "streaming_force_filter_inside_join",
    "streaming_join_encoding",
    "streaming_max_parallelism",
    "streaming_over_window_cache_policy",
    "streaming_parallelism",
    "streaming_parallelism_for_backfill",
    "streaming_parallelism_for_index",
    "streaming_parallelism_for_materialized_view",
    "streaming_parallelism_for_sink",
    "streaming_parallelism_for_source",
    "streaming_parallelism_for_table",
    "streaming_parallelism_strategy",
    "streaming_parallelism_strategy_for_backfill",
    "streaming_parallelism_strategy_for_index",
    "streaming_parallelism_strategy_for_materialized_view",
    "streaming_parallelism_strategy_for_sink",
    "streaming_parallelism_strategy_for_source",
    "streaming_parallelism_strategy_for_table",
    "streaming_separate_consecutive_join",
    "streaming_separate_sink",
    "streaming_sync_log_store_buffer_size",
    "streaming_sync_log_store_pause_duration_ms",
    "streaming_unsafe_allow_unmaterialized_impure_expr",
    "streaming_unsafe_allow_upsert_sink_pk_mismatch",
    "streaming_use_arrangement_backfill",
    "streaming_use_shared_source",
    "streaming_use_snapshot_backfill",
    "unsafe_enable_storage_retention_for_non_append_only_tables",
    "upsert_dml",
    "visibility_mode",
];

/// A setting of RisingWave's own, by its name or the other name that it has.
pub(super) fn setting(name: &str) -> Option<&'static str> {
    let name = match name {
        "rw_implicit_flush" => "implicit_flush",
        name => name,
    };
    let at = SETTINGS.binary_search(&name).ok()?;
    SETTINGS.get(at).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_found_by_name() {
        assert!(SETTINGS.is_sorted());
        assert_eq!(setting("query_mode"), Some("query_mode"));
        assert_eq!(setting("rw_implicit_flush"), Some("implicit_flush"));
        for name in [
            "search_path",
            "statement_timeout",
            "rw_query_mode",
            "app.x",
            "",
        ] {
            assert_eq!(setting(name), None, "{name}");
        }
    }

    #[test]
    fn what_postgres_has_no_setting_of_is_risingwaves_to_show() {
        let plain = |of_relation| {
            Some(Shown {
                of_relation,
                secret: false,
            })
        };
        for words in [
            "tables",
            "materialized  views from public",
            "sinks like 'x'",
        ] {
            assert_eq!(asks(words), plain(false), "{words}");
        }
        for words in ["describe", "columns from t", "create materialized view v"] {
            assert_eq!(asks(words), plain(true), "{words}");
        }
        for words in ["create table t", "jobs", "connections", "create secret s"] {
            assert!(asks(words).is_some_and(|asked| asked.secret), "{words}");
        }
        for words in [
            "timezone",
            "server_version",
            "all",
            "create",
            "materialized",
            "",
        ] {
            assert_eq!(asks(words), None, "{words}");
        }
    }
}
