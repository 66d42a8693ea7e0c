//! Many clients over few connections: nobody can tell, and nobody sees another's state.

mod begin;
mod both;
mod databases;
mod failed;
mod handing_back;
mod pins;
mod queue;
mod sequences;
mod settings;
mod statements;

use crate::support::sql;
use crate::support::tide::{Setup, Tide};
use crate::support::wire::{Raw, startup, values};

/// A router whose OLTP pool holds `size` connections.
async fn narrow(hint: &str, size: usize) -> Tide {
    narrow_with(hint, size, "").await
}

async fn narrow_with(hint: &str, size: usize, yaml: &str) -> Tide {
    let pool = format!("{{ size: {size}, wait: 20s }}");
    Setup::new(hint)
        .await
        .oltp_pool(&pool)
        .more(yaml)
        .start()
        .await
}

async fn raw_with(tide: &Tide, parameters: &[(&str, &str)]) -> Raw {
    let mut raw = Raw::connect(&tide.router.address).await;
    let mut all = vec![("user", "app"), ("database", tide.sides.database.as_str())];
    all.extend(parameters);
    raw.send(&startup(3 << 16, &all)).await;
    raw.welcomed().await;
    raw
}

async fn one(raw: &mut Raw, text: &str) -> String {
    let frames = raw.query(text).await;
    values(&frames)
        .first()
        .cloned()
        .unwrap_or_else(|| panic!("{text}: {frames:?}"))
}

/// The OLTP server's connections of this test's clients.
async fn backends(tide: &Tide) -> String {
    let server = tide.sides.oltp().await;
    let asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                 AND pid <> pg_backend_pid() AND application_name <> 'tidegate control' AND backend_type = 'client backend'";
    sql::scalar(&server, asked).await
}

async fn pins(raw: &mut Raw) -> Vec<String> {
    let frames = raw.query("SHOW tidegate.pins").await;
    let rows = frames.iter().filter(|frame| frame.tag == 'D');
    rows.filter_map(|frame| frame.row().pop().flatten())
        .map(|reason| String::from_utf8_lossy(&reason).into_owned())
        .collect()
}
