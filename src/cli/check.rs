//! Is router.yaml right, and do the backends hold what it speaks of?
//!
//! Every problem is printed as `file:line:col: path: what is wrong, what is allowed`; the exit code is 0, or 2 where there is an error.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use super::{BAD_USE, load, print, runtime};
use crate::backend::Connector;
use crate::catalog::{Catalog, Details, discovery};
use crate::config::{Config, Loaded, Problem, Severity};
use crate::net::tls;
use crate::server::Snapshot;
use crate::telemetry::metrics::Metrics;

/// Differences told of one pattern of a rule.
const DIFFERENCES_MAX: usize = 20;

pub(super) fn run(path: &Path, offline: bool) -> ExitCode {
    let Some(Loaded {
        config,
        mut warnings,
    }) = load(path)
    else {
        return ExitCode::from(BAD_USE);
    };
    let unreadable = files(&config);
    if !offline && unreadable.is_empty() {
        let asked = runtime(None).map(|runtime| runtime.block_on(ask(&config)));
        warnings.extend(asked.unwrap_or_default());
    }
    warnings.extend(unreadable);
    super::complain(&warnings);
    if warnings
        .iter()
        .any(|problem| problem.severity == Severity::Error)
    {
        return ExitCode::from(BAD_USE);
    }
    let (backends, rules) = (config.backends.len(), config.routes.len());
    let how = if offline {
        "backends not asked"
    } else {
        "backends answer"
    };
    print(&format!(
        "{}: ok, {}, {}, {how}\n",
        path.display(),
        counted(backends, "backend"),
        counted(rules, "rule")
    ))
}

fn counted(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// Certificates and keys that the file points at and that cannot be used.
fn files(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, backend) in config.backends.iter().enumerate() {
        if let Err(why) = Connector::new(index, backend) {
            let path = format!("backends.{}.url", backend.name);
            problems.push(config.locate(&path, Severity::Error, why));
        }
    }
    if let Some(files) = &config.tls
        && let Err(why) = tls::server(&files.cert, &files.key)
    {
        problems.push(config.locate("tls.cert", Severity::Error, why));
    }
    problems
}

/// Connects to each backend, reads its catalog, and holds the rules against it.
async fn ask(config: &Config) -> Vec<Problem> {
    let config = Arc::new(config.clone());
    let unknown = Catalog::unknown(config.backends.len());
    let snapshot = match Snapshot::build(
        Arc::clone(&config),
        Arc::new(unknown.clone()),
        0,
        &Metrics::new(),
    ) {
        Ok(snapshot) => snapshot,
        Err(lines) => {
            return lines
                .into_iter()
                .map(|line| config.locate("", Severity::Error, line))
                .collect();
        }
    };
    let (catalog, failed) = discovery::read_all(&snapshot, &unknown).await;
    let mut problems: Vec<Problem> = failed
        .into_iter()
        .map(|(index, why)| {
            let name = snapshot.table.backend_name(index);
            let message = format!("backend \"{name}\" cannot be read: {why}");
            config.locate(&format!("backends.{name}.url"), Severity::Error, message)
        })
        .collect();
    problems.extend(names(&config, &catalog));
    problems.extend(mirrors(&config, &catalog));
    problems
}

/// Warns of relations that no catalog knows, and of rules whose target lacks them.
fn names(config: &Config, catalog: &Catalog) -> Vec<Problem> {
    let mut problems = Vec::new();
    for rule in &config.routes {
        for (at, pattern) in rule.relations.iter().enumerate() {
            let knows = |index: usize| {
                let known = catalog.backend(index)?;
                Some(
                    known
                        .iter()
                        .any(|(schema, name, _)| pattern.matches(Some(schema), name)),
                )
            };
            let path = format!("routes[{}].relations[{at}]", rule.index);
            let target = config
                .backends
                .get(rule.to)
                .map_or("?", |backend| &backend.name);
            let everywhere: Option<Vec<bool>> = (0..config.backends.len()).map(knows).collect();
            let message = match (everywhere, knows(rule.to)) {
                (Some(known), _) if !known.contains(&true) => {
                    format!("\"{}\" is in no backend's catalog", pattern.as_str())
                }
                (_, Some(false)) => {
                    format!(
                        "backend \"{target}\" has no relation \"{}\"",
                        pattern.as_str()
                    )
                }
                _ => continue,
            };
            problems.push(config.locate(&path, Severity::Warning, message));
        }
    }
    problems
}

/// Warns of relations that a rule takes for mirrored and that differ from the default backend's, as their definitions and columns say.
fn mirrors(config: &Config, catalog: &Catalog) -> Vec<Problem> {
    let Some(oltp) = catalog.backend(config.default) else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    for rule in config
        .routes
        .iter()
        .filter(|rule| rule.to != config.default)
    {
        let Some(known) = catalog.backend(rule.to) else {
            continue;
        };
        let target = config
            .backends
            .get(rule.to)
            .map_or("?", |backend| &backend.name);
        for (at, pattern) in rule.relations.iter().enumerate() {
            let path = format!("routes[{}].relations[{at}]", rule.index);
            let mut wrong: Vec<String> = known
                .all_details()
                .filter(|(schema, name, _)| pattern.matches(Some(schema), name))
                .filter(|(schema, name, _)| oltp.kind(schema, name).is_some())
                .filter_map(|(schema, name, details)| difference(schema, name, details, config))
                .map(|difference| format!("on \"{target}\" {difference}"))
                .collect();
            wrong.sort_unstable();
            wrong.truncate(DIFFERENCES_MAX);
            let located = |message| config.locate(&path, Severity::Warning, message);
            problems.extend(wrong.into_iter().map(located));
        }
    }
    problems
}

/// How a relation that has the name of one on the default backend is no copy of it.
fn difference(schema: &str, name: &str, details: &Details, config: &Config) -> Option<String> {
    let default = &config.default_backend().name;
    let relation = format!("\"{schema}.{name}\"");
    if let Some(origin) = &details.origin {
        let source = &origin.relation;
        let same = *source.schema == *schema && *source.name == *name;
        match origin.proven {
            Some((backend, _)) if backend == config.default && same => {}
            Some((backend, _)) => {
                let of = config
                    .backends
                    .get(backend)
                    .map_or("?", |backend| &backend.name);
                return Some(format!(
                    "{relation} is a copy of \"{source}\" of \"{of}\", not of its namesake on \"{default}\""
                ));
            }
            None => {
                let through = &origin.through;
                return Some(format!(
                    "{relation} is a copy of \"{source}\" by \"{through}\", and nothing shows that this is \"{default}\""
                ));
            }
        }
    }
    let lacks = details.lacks.join(", ");
    (!lacks.is_empty())
        .then(|| format!("{relation} lacks columns that it has on \"{default}\": {lacks}"))
}
