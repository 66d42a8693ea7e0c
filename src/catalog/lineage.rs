//! Where do a backend's relations have their rows from, and are they all there?
//!
//! A view has them from its base relations, a mirrored table from a CDC source or a subscription, a foreign table from another server.
//! What mirrors what is taken from these definitions, never from names alone. Each question may fail without the others, as not every role may
//! see everything; what could not be asked is kept in [`BackendCatalog::gaps`].

use super::details::{Origin, Proof, Qualified};
use super::{BackendCatalog, Catalog, RelationKind};
use crate::backend::control::Control;
use crate::backend::engine::Dialect;
use crate::config::{Config, Endpoint};
use crate::limits::{CATALOG_RELATIONS_MAX, COPIES_ASKED_MAX, MIRRORS_COMPARED_MAX};

/// A row as text.
type Row = Vec<Option<String>>;

/// Adds what one backend knows to the names that were read. `before` is its last reading: a copy that was done then is done.
pub(super) async fn read(
    control: &Control,
    dialect: &dyn Dialect,
    catalog: &mut BackendCatalog,
    before: Option<&BackendCatalog>,
) {
    let asked = dialect.lineage();
    for row in ask(control, asked.bases, "base relations of views", catalog).await {
        if let [Some(schema), Some(view), Some(base_schema), Some(base)] = row.as_slice() {
            let base = Qualified::new(base_schema, base);
            catalog.details_mut(schema, view).over.push(base);
        }
    }
    for row in ask(control, asked.origins, "origins of tables", catalog).await {
        if let Some((schema, name, origin)) = origin(&row, dialect) {
            catalog.details_mut(&schema, &name).origin = Some(origin);
        }
    }
    if let Some(query) = asked.slots {
        let gaps = catalog.gaps.len();
        let rows = ask(control, query, "replication slots", catalog).await;
        let names = rows.into_iter().filter_map(|row| row.into_iter().next()?);
        let names = names.map(String::into_boxed_str).collect();
        catalog.slots = (catalog.gaps.len() == gaps).then_some(names);
    }
    if let Some(query) = asked.keys {
        let rows = ask(control, query, "keys of tables", catalog).await;
        // Part of a key would be taken for all of it.
        let all = rows.len() < CATALOG_RELATIONS_MAX;
        for row in rows.into_iter().filter(|_| all) {
            if let [Some(schema), Some(name), Some(column)] = row.as_slice() {
                let key = &mut catalog.details_mut(schema, name).key;
                key.push(column.as_str().into());
            }
        }
    }
    for (query, what) in asked.unready {
        for row in ask(control, query, what, catalog).await {
            if let [Some(schema), Some(name), Some(why)] = row.as_slice() {
                catalog.mark_unready(schema, name, why);
            }
        }
    }
    if let Some(query) = asked.copies {
        let rows = ask(control, query, "first copies", catalog).await;
        read_copies(control, dialect, catalog, before, &rows).await;
    }
    catalog.settle_details();
}

/// Asks the tables that hold how far a first copy is. Rows are schema, name, and the schema and name of such a table.
async fn read_copies(
    control: &Control,
    dialect: &dyn Dialect,
    catalog: &mut BackendCatalog,
    before: Option<&BackendCatalog>,
    rows: &[Row],
) {
    let mut asked = 0;
    for row in rows {
        let [Some(schema), Some(name), Some(in_schema), Some(state)] = row.as_slice() else {
            continue;
        };
        // Its name has a number in it that no other table gets, so what was done stays done.
        let known = before.is_some_and(|before| before.copied.contains(state.as_str()));
        let done = if known {
            true
        } else if asked == COPIES_ASKED_MAX {
            false
        } else {
            asked += 1;
            match control.rows(&dialect.copy_query(in_schema, state)).await {
                Ok(answer) => answer.iter().any(|row| says_true(row.first())),
                // It tells in another form, which the engine's own progress covers.
                Err(_) => continue,
            }
        };
        if done {
            catalog.copied.insert(state.as_str().into());
        } else {
            catalog.mark_unready(schema, name, "its first copy is not done");
        }
    }
}

fn says_true(value: Option<&Option<String>>) -> bool {
    matches!(value, Some(Some(text)) if matches!(text.as_str(), "t" | "true"))
}

async fn ask(control: &Control, query: &str, what: &str, catalog: &mut BackendCatalog) -> Vec<Row> {
    match control.rows(query).await {
        Ok(mut rows) => {
            rows.truncate(CATALOG_RELATIONS_MAX);
            rows
        }
        Err(why) => {
            catalog.gaps.push(format!("{what}: {why}"));
            Vec::new()
        }
    }
}

/// A row of [`crate::backend::engine::Lineage::origins`].
fn origin(row: &Row, dialect: &dyn Dialect) -> Option<(String, String, Origin)> {
    let [
        schema,
        name,
        at_schema,
        at_name,
        definition,
        through,
        host,
        port,
        database,
        slot,
    ] = <[Option<String>; 10]>::try_from(row.clone()).ok()?;
    let relation = match (at_schema, at_name) {
        (Some(schema), Some(name)) => Qualified::new(&schema, &name),
        _ => dialect.upstream(&definition?)?,
    };
    let boxed = |text: Option<String>| text.map(String::into_boxed_str);
    let origin = Origin {
        relation,
        through: through?.into(),
        host: boxed(host),
        port: port.and_then(|port| port.parse().ok()),
        database: boxed(database),
        slot: boxed(slot),
        proven: None,
    };
    Some((schema?, name?, origin))
}

/// Tells which origins are which backend.
pub(super) fn prove(catalog: &mut Catalog, config: &Config) {
    let count = catalog.backends.len();
    for at in 0..count {
        let Some(mut own) = catalog.backends.get_mut(at).and_then(Option::take) else {
            continue;
        };
        for origin in own.origins_mut() {
            let mut others = (0..count).filter(|other| *other != at);
            origin.proven = others.find_map(|other| {
                let proof = proof(origin, catalog.backend(other)?, config, other)?;
                Some((other, proof))
            });
        }
        if let Some(place) = catalog.backends.get_mut(at) {
            *place = Some(own);
        }
    }
}

fn proof(origin: &Origin, known: &BackendCatalog, config: &Config, index: usize) -> Option<Proof> {
    known.kind(&origin.relation.schema, &origin.relation.name)?;
    // Where its slot is on none of the backend's databases, hosts of the same name are two.
    if let (Some(slot), Some(slots)) = (&origin.slot, &known.slots) {
        return slots.contains(slot).then_some(Proof::Slot);
    }
    let url = &config.backends.get(index)?.url;
    let same = |endpoint: &Endpoint| match endpoint {
        Endpoint::Tcp { host, port } => {
            let named = origin.host.as_deref().unwrap_or("localhost");
            same_host(host, named) && origin.port.unwrap_or(5432) == *port
        }
        Endpoint::Unix(..) => false,
    };
    let there = url.endpoints.iter().any(same);
    let database = origin.database.as_deref() == Some(url.database.as_str());
    (there && database).then_some(Proof::Address)
}

/// Whether two names of a host are plainly one.
fn same_host(one: &str, other: &str) -> bool {
    let local = |host: &str| matches!(host, "localhost" | "127.0.0.1" | "::1");
    one.eq_ignore_ascii_case(other) || (local(one) && local(other))
}

/// Compares the columns of relations that are on the default backend and on another.
pub(super) async fn compare_columns(
    controls: &[Option<Control>],
    dialects: &[&dyn Dialect],
    catalog: &mut Catalog,
    default: usize,
) {
    let Some(Some(oltp)) = controls.get(default) else {
        return;
    };
    for (index, control) in controls.iter().enumerate() {
        let Some(control) = control.as_ref().filter(|_| index != default) else {
            continue;
        };
        let mirrored = mirrored(catalog, default, index);
        let (Some(of_oltp), Some(of_copy)) = (dialects.get(default), dialects.get(index)) else {
            continue;
        };
        if mirrored.is_empty() {
            continue;
        }
        let (wanted, there) = tokio::join!(
            columns(oltp, *of_oltp, &mirrored),
            columns(control, *of_copy, &mirrored)
        );
        let (Ok(wanted), Ok(there)) = (wanted, there) else {
            continue;
        };
        let there: std::collections::HashSet<_> = there.into_iter().collect();
        let Some(Some(known)) = catalog.backends.get_mut(index) else {
            continue;
        };
        for missing in wanted.into_iter().filter(|column| !there.contains(column)) {
            let (schema, name, column) = missing;
            if mirrored
                .iter()
                .any(|m| *m.schema == schema && *m.name == name)
            {
                known.details_mut(&schema, &name).lacks.push(column.into());
            }
        }
    }
}

/// Tables and views that both have, as far as they are compared.
fn mirrored(catalog: &Catalog, default: usize, other: usize) -> Vec<Qualified> {
    let (Some(oltp), Some(copy)) = (catalog.backend(default), catalog.backend(other)) else {
        return Vec::new();
    };
    let has_columns = |kind| !matches!(kind, RelationKind::Index | RelationKind::Sequence);
    let both = copy
        .iter()
        .filter(|(schema, name, kind)| has_columns(*kind) && oltp.kind(schema, name).is_some());
    let mut both: Vec<Qualified> = both.map(|(s, n, _)| Qualified::new(s, n)).collect();
    both.sort_unstable();
    both.truncate(MIRRORS_COMPARED_MAX);
    both
}

/// Schema, relation and column of all columns of relations with these bare names.
async fn columns(
    control: &Control,
    dialect: &dyn Dialect,
    relations: &[Qualified],
) -> Result<Vec<(String, String, String)>, String> {
    let quoted = |name: &Qualified| format!("'{}'", name.name.replace('\'', "''"));
    let mut names: Vec<String> = relations.iter().map(quoted).collect();
    names.dedup();
    let rows = control
        .rows(&dialect.columns_query(&names.join(", ")))
        .await?;
    let three = |row: Row| match <[Option<String>; 3]>::try_from(row) {
        Ok([Some(schema), Some(name), Some(column)]) => Some((schema, name, column)),
        _ => None,
    };
    let mut found: Vec<_> = rows.into_iter().filter_map(three).collect();
    found.sort_unstable();
    Ok(found)
}
