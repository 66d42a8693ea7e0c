//! Is router.yaml right, and do the backends hold what it speaks of?
//!
//! Every problem is printed as `file:line:col: path: what is wrong, what is allowed`; the exit code is 0, or 2 where there is an error.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use super::{BAD_USE, load, print, runtime};
use crate::backend::Connector;
use crate::catalog::{Catalog, discovery};
use crate::config::{Config, Loaded, Problem, Severity};
use crate::net::tls;
use crate::server::Snapshot;
use crate::telemetry::metrics::Metrics;

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
        let asked = runtime().map(|runtime| runtime.block_on(ask(&config)));
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
