//! RisingWave: a double of it, what it was seen doing, and the router in front of it.

mod anywhere;
pub mod double;
mod facts;
mod golden;
mod nasty;
mod texts;
mod through;
mod through_catalog;
mod through_changes;
mod through_copy;
mod through_cursor_values;
mod through_cursors;
mod through_ddl;
mod through_errors;
mod through_failures;
mod through_fallback;
mod through_fallback_more;
mod through_groups;
mod through_limits;
mod through_own;
mod through_parameters;
mod through_results;
mod through_snapshots;
mod through_waits;

use crate::support::postgres::{PAIR, drop_databases, fresh_name};
use crate::support::wire::Raw;

use double::{Double, Options};

/// A double over an empty database of its own, which is gone when it is dropped.
pub struct Rig {
    pub double: Double,
    database: String,
}

impl Rig {
    pub async fn start(hint: &str, options: Options) -> Self {
        let database = fresh_name(hint);
        let admin = PAIR.1.client("postgres").await;
        let make = format!("CREATE DATABASE {database} OWNER app");
        admin.batch_execute(&make).await.expect("a database");
        let double = Double::start(options, PAIR.1.port(), &database).await;
        Self { double, database }
    }

    /// A client that sends bytes, logged in as `root`.
    pub async fn raw(&self) -> Raw {
        let mut raw = Raw::connect(&self.double.address()).await;
        raw.log_in("root", "dev").await;
        raw
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        drop_databases(&self.database);
    }
}
