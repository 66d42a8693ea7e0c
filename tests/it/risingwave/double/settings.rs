//! Which settings does a session have?
//!
//! The list is closed: a name that is not on it is an error for SET, SHOW and current_setting alike. Nothing resets but `TO DEFAULT`.

use std::collections::BTreeMap;

use super::Version;
use super::errors::{Failure, INTERNAL};

/// What SHOW is asked for.
#[derive(Debug, Clone)]
pub enum Shown {
    Setting(String),
    All,
    /// A kind of relation, such as `table`; a schema; a pattern and whether case counts.
    Relations {
        kind: &'static str,
        schema: Option<String>,
        like: Option<(String, bool)>,
    },
    Columns(super::reader::Name),
    Indexes(super::reader::Name),
    Create {
        kind: String,
        name: super::reader::Name,
    },
    Databases,
    Schemas,
    Cluster,
    Jobs,
    Processes,
    Cursors,
    Parameters,
    /// Kinds that the double has none of.
    Nothing(&'static [&'static str]),
}

/// Names and defaults of 2.8.4, as `SHOW ALL` prints them.
const NAMES: &[(&str, &str)] = &[
    ("implicit_flush", "false"),
    ("create_compaction_group_for_mv", "false"),
    ("query_mode", "auto"),
    ("extra_float_digits", "1"),
    ("application_name", ""),
    ("datestyle", ""),
    ("batch_enable_lookup_join", "true"),
    ("batch_enable_sort_agg", "true"),
    ("batch_enable_distributed_dml", "false"),
    ("batch_expr_strict_mode", "true"),
    ("max_split_range_gap", "8"),
    ("search_path", "\"$user\", public"),
    ("visibility_mode", "default"),
    ("transaction_isolation", "read committed"),
    ("query_epoch", "0"),
    ("timezone", "UTC"),
    ("streaming_parallelism", "default"),
    ("streaming_parallelism_for_backfill", "default"),
    ("streaming_parallelism_strategy", "default"),
    ("streaming_parallelism_for_table", "default"),
    ("streaming_parallelism_for_sink", "default"),
    ("streaming_parallelism_for_index", "default"),
    ("streaming_parallelism_for_source", "default"),
    ("streaming_parallelism_for_materialized_view", "default"),
    ("streaming_enable_delta_join", "false"),
    ("streaming_enable_bushy_join", "true"),
    ("streaming_force_filter_inside_join", "false"),
    ("streaming_use_arrangement_backfill", "true"),
    ("streaming_use_snapshot_backfill", "true"),
    ("enable_serverless_backfill", "false"),
    ("streaming_allow_jsonb_in_stream_key", "false"),
    ("streaming_unsafe_allow_unmaterialized_impure_expr", "false"),
    ("streaming_separate_consecutive_join", "false"),
    ("streaming_separate_sink", "false"),
    ("streaming_join_encoding", ""),
    ("enable_join_ordering", "true"),
    ("enable_two_phase_agg", "true"),
    ("force_two_phase_agg", "false"),
    ("enable_share_plan", "true"),
    ("force_split_distinct_agg", "false"),
    ("intervalstyle", ""),
    ("batch_parallelism", "default"),
    ("server_version", "13.14.0"),
    ("server_version_num", "130014"),
    ("client_min_messages", "notice"),
    ("client_encoding", "UTF8"),
    ("sink_decouple", "default"),
    ("synchronize_seqscans", "false"),
    ("statement_timeout", "0ms"),
    ("idle_in_transaction_session_timeout", "60000"),
    ("lock_timeout", "0"),
    ("cdc_source_wait_streaming_start_timeout", "30"),
    ("row_security", "true"),
    ("standard_conforming_strings", "on"),
    ("backfill_rate_limit", "-1"),
    ("source_rate_limit", "-1"),
    ("dml_rate_limit", "-1"),
    ("sink_rate_limit", "-1"),
    ("streaming_over_window_cache_policy", ""),
    ("background_ddl", "false"),
    ("streaming_use_shared_source", "true"),
    ("server_encoding", "UTF8"),
    ("bytea_output", "hex"),
    ("bypass_cluster_limits", "false"),
    ("streaming_max_parallelism", "256"),
    ("iceberg_engine_connection", ""),
    ("streaming_enable_unaligned_join", "false"),
    ("streaming_sync_log_store_pause_duration_ms", ""),
    ("streaming_sync_log_store_buffer_size", ""),
    ("disable_purify_definition", "false"),
    ("batch_hnsw_ef_search", "40"),
    ("enable_index_selection", "true"),
    ("enable_locality_backfill", "false"),
    ("slow_ddl_notification_secs", "30"),
    (
        "unsafe_enable_storage_retention_for_non_append_only_tables",
        "false",
    ),
    ("enable_datafusion_engine", "false"),
    ("upsert_dml", "false"),
];

/// What 3.0 has more.
const NAMES_OF_3: &[(&str, &str)] = &[
    ("dml_wait_persistence", "false"),
    ("enable_mv_selection", "false"),
    ("iceberg_query_storage_mode", "auto"),
    ("streaming_asof_join_use_cache", "false"),
    ("datafusion_prefer_hash_join", "true"),
];

const CONFIG: &str = "Failed to get/set session config";

/// The settings of one session.
pub struct Settings {
    version: Version,
    values: BTreeMap<&'static str, String>,
}

impl Settings {
    pub fn new(version: Version) -> Self {
        Self {
            version,
            values: BTreeMap::new(),
        }
    }

    /// Every name with its default.
    pub fn names(version: Version) -> impl Iterator<Item = (&'static str, &'static str)> {
        let gone = move |name: &str| {
            version == Version::V3 && name.starts_with("streaming_parallelism_strategy")
        };
        let more = if version == Version::V3 {
            NAMES_OF_3
        } else {
            &[]
        };
        NAMES
            .iter()
            .chain(more)
            .copied()
            .filter(move |(name, _)| !gone(name))
    }

    fn known(&self, name: &str) -> Result<(&'static str, &'static str), Failure> {
        let lower = name.to_ascii_lowercase();
        let meant = if lower == "rw_implicit_flush" {
            "implicit_flush"
        } else {
            &lower
        };
        let unknown = format!("Unrecognized config entry `{name}`");
        Self::names(self.version)
            .find(|(known, _)| *known == meant)
            .ok_or_else(|| Failure::caused(INTERNAL, &[CONFIG, &unknown]))
    }

    pub fn get(&self, name: &str) -> Result<String, Failure> {
        let (name, default) = self.known(name)?;
        Ok(self
            .values
            .get(name)
            .cloned()
            .unwrap_or_else(|| default.to_owned()))
    }

    /// Sets a value, or with `None` the default. Gives the name that is kept and the value.
    pub fn set(
        &mut self,
        name: &str,
        value: Option<&str>,
    ) -> Result<(&'static str, String), Failure> {
        let (name, default) = self.known(name)?;
        let value = match value {
            None => default.to_owned(),
            Some(value) => self.checked(name, default, value)?,
        };
        self.values.insert(name, value.clone());
        Ok((name, value))
    }

    fn checked(&self, name: &str, default: &str, value: &str) -> Result<String, Failure> {
        let invalid = |why: &str| {
            let which = format!("Invalid value `{value}` for `{name}`");
            Err(Failure::caused(INTERNAL, &[CONFIG, &which, why]))
        };
        match name {
            "client_encoding" => match value.to_ascii_uppercase().as_str() {
                "UTF8" | "UTF-8" => Ok("UTF8".to_owned()),
                _ => invalid("Only support 'UTF8' for CLIENT_ENCODING"),
            },
            "bytea_output" if value != "hex" => invalid("Only support 'hex' for BYTEA_OUTPUT"),
            "statement_timeout" => match milliseconds(value, self.version) {
                Some(ms) => Ok(format!("{ms}ms")),
                None => invalid("time unit is required: ms s min h d"),
            },
            "lock_timeout"
            | "extra_float_digits"
            | "query_epoch"
            | "idle_in_transaction_session_timeout" => match value.parse::<i64>() {
                Ok(_) => Ok(value.to_owned()),
                Err(error) => invalid(&error.to_string()),
            },
            _ if matches!(default, "true" | "false") => match value.to_ascii_lowercase().as_str() {
                "true" | "on" | "t" | "1" | "yes" => Ok("true".to_owned()),
                "false" | "off" | "f" | "0" | "no" => Ok("false".to_owned()),
                _ => invalid("provided string was not `true` or `false`"),
            },
            _ => Ok(value.to_owned()),
        }
    }

    /// The limit for reads, in milliseconds; 0 is none.
    pub fn timeout(&self) -> u64 {
        let value = self.get("statement_timeout").unwrap_or_default();
        value.trim_end_matches("ms").parse().unwrap_or(0)
    }

    /// The error of a time zone that nobody knows.
    pub fn no_timezone(value: &str) -> Failure {
        let which = format!("Invalid value `{value}` for `timezone`");
        Failure::caused(INTERNAL, &[CONFIG, &which, "Not a valid timezone"])
    }
}

/// A duration with its unit. Without one 2.8 takes nothing but 0, and 3.0 takes milliseconds.
fn milliseconds(value: &str, version: Version) -> Option<u64> {
    let split = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    let number: u64 = value[..split].parse().ok()?;
    let factor = match value[split..].trim() {
        "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" if number == 0 || version == Version::V3 => 1,
        _ => return None,
    };
    Some(number * factor)
}
