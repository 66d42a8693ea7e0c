//! How are the catalogs read?
//!
//! At start, every `discover:` interval, and soon after DDL has passed through the router. Each reading makes a whole new [`Catalog`]; a
//! backend that cannot be read keeps what was last known of it, so that an outage changes no route.

use std::sync::Arc;
use std::time::Duration;

use super::{BackendCatalog, Catalog, RelationKind, lineage};
use crate::backend::control::Control;
use crate::backend::engine::Dialect;
use crate::limits::{
    CATALOG_RELATIONS_MAX, DISCOVERY_DEBOUNCE, DISCOVERY_READINGS_MAX, DISCOVERY_TIMEOUT,
};
use crate::server::{Shared, Snapshot};
use crate::telemetry::metrics::Metrics;

/// How long to wait between readings when `discover: off` stops them but DDL may still pass.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// Reads one backend's catalog; what its code leaves in sessions too where these are its own.
///
/// # Errors
/// One line that says what the backend refused.
async fn read(
    control: &Control,
    dialect: &dyn Dialect,
    holds_sessions: bool,
    before: Option<&BackendCatalog>,
) -> Result<BackendCatalog, String> {
    let mut catalog = BackendCatalog::default();
    // A version that does not know the question is taken to be well.
    if let Some((query, well)) = dialect.recovery()
        && let Ok(rows) = control.rows(query).await
    {
        let said = rows
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next());
        let said = said.flatten().unwrap_or_default();
        if said != well {
            let mut last = before.cloned().unwrap_or_default();
            last.mark_recovering(&format!("it recovers ({said})"));
            return Ok(last);
        }
    }
    let relations = control.rows(dialect.relations_query()).await;
    for row in relations
        .map_err(|why| dialect.explain_catalog_error(&why))?
        .into_iter()
        .take(CATALOG_RELATIONS_MAX)
    {
        let [Some(schema), Some(name), Some(kind)] = row.as_slice() else {
            continue;
        };
        if kind == "mirrored table" {
            catalog.insert_mirror(schema, name);
        } else if let Some(kind) = relation_kind(kind) {
            catalog.insert(schema, name, kind);
        }
    }
    if let Some(query) = dialect.functions_query() {
        for row in control
            .rows(query)
            .await?
            .into_iter()
            .take(CATALOG_RELATIONS_MAX)
        {
            if let [Some(schema), Some(name), stable] = row.as_slice() {
                catalog.insert_function(schema, name, stable.as_deref() == Some("t"));
            }
        }
    }
    if let Some(query) = dialect.leaving_query().filter(|_| holds_sessions) {
        for row in control
            .rows(query)
            .await?
            .into_iter()
            .take(CATALOG_RELATIONS_MAX)
        {
            if let [Some(what), Some(name), hides] = row.as_slice() {
                let hides = matches!(hides.as_deref(), Some("t" | "true"));
                catalog.insert_leaving(what == "relation", name, hides);
            }
        }
    }
    lineage::read(control, dialect, &mut catalog, before).await;
    Ok(catalog)
}

/// A letter of `pg_class.relkind`, or RisingWave's word.
fn relation_kind(kind: &str) -> Option<RelationKind> {
    Some(match kind {
        "r" | "p" | "table" => RelationKind::Table,
        "v" | "view" => RelationKind::View,
        "m" | "materialized view" => RelationKind::MaterializedView,
        "f" => RelationKind::ForeignTable,
        "S" => RelationKind::Sequence,
        "source" => RelationKind::Source,
        "sink" => RelationKind::Sink,
        "i" | "I" | "index" => RelationKind::Index,
        _ => return None,
    })
}

/// Reads every backend of a snapshot. What cannot be read stays as `before` had it; each failure is returned with the backend's index.
pub async fn read_all(snapshot: &Snapshot, before: &Catalog) -> (Catalog, Vec<(usize, String)>) {
    let mut catalog = Catalog::unknown(snapshot.backends.len());
    let (mut failed, mut controls) = (Vec::new(), Vec::new());
    for (index, backend) in snapshot.backends.iter().enumerate() {
        let is_default = index == snapshot.table.config.default;
        let known = before.backend(index);
        let control = Control::connect(&backend.connector, DISCOVERY_TIMEOUT).await;
        let read = match &control {
            Ok(control) => read(control, backend.dialect, is_default, known).await,
            Err(why) => Err(why.clone()),
        };
        let found = match read {
            Ok(found) => {
                controls.push(control.ok());
                Some(found)
            }
            Err(why) => {
                failed.push((index, why));
                controls.push(None);
                known.cloned()
            }
        };
        if let Some(place) = catalog.backends.get_mut(index) {
            *place = found;
        }
    }
    let config = &snapshot.table.config;
    let dialects: Vec<&dyn Dialect> = snapshot.backends.iter().map(|b| b.dialect).collect();
    lineage::compare_columns(&controls, &dialects, &mut catalog, config.default).await;
    lineage::prove(&mut catalog, config);
    (catalog, failed)
}

/// Reads the catalogs again and again for as long as the router lives.
pub async fn run(shared: Arc<Shared>) {
    loop {
        let interval = shared.snapshot().table.config.discover;
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(interval.unwrap_or(NEVER)) => {}
            () = shared.ddl_passed.notified() => tokio::time::sleep(DISCOVERY_DEBOUNCE).await,
        }
        refresh(&shared).await;
    }
}

/// Reads one backend's catalog, which a session has just changed, and puts it in force.
pub async fn refresh_one(shared: &Shared, index: usize) {
    for _ in 0..DISCOVERY_READINGS_MAX {
        let snapshot = shared.snapshot();
        if let Some(catalog) = with_one(&snapshot, index).await
            && shared.snapshot_has_config_of(&snapshot)
            && !put_in_force(shared, &snapshot, catalog)
        {
            continue;
        }
        return;
    }
    shared.ddl_passed.notify_one();
}

/// The catalog with what one backend says now; `None` where it cannot be read, which the next reading of all will say.
async fn with_one(snapshot: &Snapshot, index: usize) -> Option<Catalog> {
    let backend = snapshot.backends.get(index)?;
    snapshot.table.config.discover?;
    let is_default = index == snapshot.table.config.default;
    let known = snapshot.table.catalog.backend(index);
    let control = Control::connect(&backend.connector, DISCOVERY_TIMEOUT).await;
    let found = read(&control.ok()?, backend.dialect, is_default, known).await;
    let mut catalog = (*snapshot.table.catalog).clone();
    *catalog.backends.get_mut(index)? = Some(found.ok()?);
    lineage::prove(&mut catalog, &snapshot.table.config);
    Some(catalog)
}

/// Puts a reading in force that was begun under `snapshot`. Not where another was put in force since: that one may know what was made after this one
/// began, so the servers are to be asked again.
fn put_in_force(shared: &Shared, snapshot: &Arc<Snapshot>, catalog: Catalog) -> bool {
    if *snapshot.table.catalog == catalog {
        return Arc::ptr_eq(&shared.snapshot(), snapshot);
    }
    let newer = snapshot.with_catalog(Arc::new(catalog), shared.number());
    shared.replace_held(snapshot, newer)
}

/// Reads the catalogs and puts them in force where they differ.
pub async fn refresh(shared: &Shared) {
    for _ in 0..DISCOVERY_READINGS_MAX {
        let snapshot = shared.snapshot();
        if snapshot.table.config.discover.is_none() {
            return;
        }
        let (catalog, failed) = read_all(&snapshot, &snapshot.table.catalog).await;
        for (index, why) in failed {
            tracing::warn!(
                backend = snapshot.table.backend_name(index),
                why,
                "cannot read the catalog"
            );
        }
        publish(&shared.metrics, &snapshot, &catalog);
        // A reload may have put another configuration in force meanwhile; this reading is then of the wrong backends.
        if !shared.snapshot_has_config_of(&snapshot) {
            return;
        }
        for (index, gap) in new_gaps(&catalog, &snapshot.table.catalog) {
            let backend = snapshot.table.backend_name(index);
            tracing::warn!(backend, why = gap, "cannot read all of the catalog");
        }
        if put_in_force(shared, &snapshot, catalog) {
            return;
        }
    }
    shared.ddl_passed.notify_one();
}

/// What could not be asked, and could before.
fn new_gaps<'a>(
    catalog: &'a Catalog,
    before: &'a Catalog,
) -> impl Iterator<Item = (usize, &'a str)> {
    let backends = catalog.backends.iter().enumerate();
    let gaps = backends.flat_map(|(index, found)| {
        let gaps = found.iter().flat_map(|found| &found.gaps);
        gaps.map(move |gap| (index, gap))
    });
    let known = |index, gap| before.backend(index).is_some_and(|b| b.gaps.contains(gap));
    gaps.filter(move |(index, gap)| !known(*index, gap))
        .map(|(index, gap)| (index, gap.as_str()))
}

/// Sets the metrics of a reading.
fn publish(metrics: &Metrics, snapshot: &Snapshot, catalog: &Catalog) {
    for (index, found) in catalog.backends.iter().enumerate() {
        let Some(found) = found else { continue };
        let name = snapshot.table.backend_name(index);
        metrics.catalog_unready(name, found.count_unready());
        for kind in RelationKind::ALL {
            let count = found.iter().filter(|(_, _, k)| *k == kind).count();
            metrics.catalog(snapshot.table.backend_name(index), kind.as_str(), count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    const YAML: &str = "listen: 127.0.0.1:0\nbackends:\n  oltp: { engine: postgres, url: \"postgres://app@127.0.0.1:1/app\" }\ndefault: oltp\n";

    fn knowing(table: &str) -> Catalog {
        let mut found = BackendCatalog::default();
        found.insert("public", table, RelationKind::Table);
        Catalog {
            backends: vec![Some(found)],
        }
    }

    #[tokio::test]
    async fn a_reading_that_began_earlier_does_not_replace_a_later_one() {
        let loaded = config::parse("router.yaml", YAML, &|_| None, &|_| Ok(String::new()));
        let config = Arc::new(loaded.expect("a configuration").config);
        let metrics = Metrics::new();
        let unknown = Arc::new(Catalog::unknown(1));
        let first = Snapshot::build(config, unknown, 0, &metrics).expect("a snapshot");
        let shared = Shared::new(first, metrics);
        let (before, made) = (shared.snapshot(), knowing("made"));
        assert!(put_in_force(&shared, &before, made.clone()));
        assert!(!put_in_force(&shared, &before, knowing("old")));
        assert!(!put_in_force(&shared, &before, Catalog::unknown(1)));
        assert_eq!(*shared.snapshot().table.catalog, made);
        assert!(put_in_force(&shared, &shared.snapshot(), made));
    }
}
