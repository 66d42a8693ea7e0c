//! How would a statement be routed?
//!
//! The same facts and the same decision as on the wire. Online, the catalogs are read first; offline, rules alone decide.

use std::fmt::Write as _;
use std::io::Read as _;
use std::process::ExitCode;
use std::sync::Arc;

use super::{BAD_USE, File, catalogs, complain, load, print};
use crate::admin::question::{self, Asker, DEFAULT_SEARCH_PATH};
use crate::routing::{Explanation, RoutingTable};

#[derive(clap::Args)]
pub(super) struct Explain {
    #[command(flatten)]
    file: File,
    /// Do not connect to the backends: rules alone decide.
    #[arg(long)]
    offline: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// The database user the statements come from [default: the default backend's].
    #[arg(long)]
    user: Option<String>,
    /// The database they come to [default: the default backend's].
    #[arg(long)]
    database: Option<String>,
    /// The client's application_name.
    #[arg(long, default_value = "")]
    application: String,
    /// The session's search_path.
    #[arg(long, default_value = DEFAULT_SEARCH_PATH)]
    search_path: String,
    /// Statements on standard input are separated by NUL instead of `;`.
    #[arg(short = '0')]
    nul: bool,
    /// Statements; `-` reads standard input.
    #[arg(required = true)]
    sql: Vec<String>,
}

pub(super) fn run(arguments: &Explain) -> ExitCode {
    let Some(loaded) = load(&arguments.file.path) else {
        return ExitCode::from(BAD_USE);
    };
    let config = Arc::new(loaded.config);
    let statements = match statements(arguments) {
        Ok(statements) => statements,
        Err(why) => {
            complain(&[why]);
            return ExitCode::from(BAD_USE);
        }
    };
    let catalog = match catalogs::read(&config, arguments.offline) {
        Ok(catalog) => catalog,
        Err(lines) => {
            complain(&lines);
            return ExitCode::from(BAD_USE);
        }
    };
    let asker = Asker {
        user: arguments.user.clone(),
        database: arguments.database.clone(),
        application: arguments.application.clone(),
        search_path: Some(arguments.search_path.clone()),
    };
    let view = asker.view(&config);
    let table = RoutingTable::new(Arc::clone(&config), Arc::new(catalog), 0);
    // Lists that are built at their first use would otherwise count as time that the first statement took.
    let _ = question::explain(b"select now()", &view, &table);
    let mut out = String::new();
    for statement in &statements {
        let explained = question::explain(statement, &view, &table);
        if arguments.json {
            out.push_str(&serde_json::to_string(&explained).unwrap_or_default());
            out.push('\n');
        } else {
            put_text(&mut out, &explained);
        }
    }
    print(&out)
}

/// The statements of the arguments and of standard input.
fn statements(arguments: &Explain) -> Result<Vec<Vec<u8>>, String> {
    let mut found = Vec::new();
    for argument in &arguments.sql {
        let (text, from_input) = if argument == "-" {
            let mut input = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut input);
            read.map_err(|e| format!("cannot read standard input: {e}"))?;
            (input, true)
        } else {
            (argument.clone().into_bytes(), false)
        };
        if arguments.nul && from_input {
            let parts = text
                .split(|byte| *byte == 0)
                .filter(|part| !part.trim_ascii().is_empty());
            found.extend(parts.map(<[u8]>::to_vec));
        } else {
            found.extend(question::statements(&text).map(<[u8]>::to_vec));
        }
    }
    Ok(found)
}

fn put_text(out: &mut String, route: &Explanation) {
    let line = |out: &mut String, name: &str, value: &str| {
        let _ = writeln!(out, "  {name:<10} {value}");
    };
    let _ = writeln!(out, "{}", route.statement);
    line(out, "kind", route.kind);
    for (name, relations) in [("reads", &route.reads), ("writes", &route.writes)] {
        if !relations.is_empty() {
            line(out, name, &relations.join(", "));
        }
    }
    line(out, "target", route.target.as_deref().unwrap_or("refused"));
    if let Some(rule) = &route.rule {
        line(out, "rule", rule);
    }
    line(out, "reason", route.reason);
    line(out, "parsed by", route.parsed_by);
    if let Some(nanoseconds) = route.took_ns {
        line(out, "took", &format!("{} µs", nanoseconds.div_ceil(1000)));
    }
    for relation in &route.relations {
        for (at, told) in relation.lines().iter().enumerate() {
            line(out, if at == 0 { "relation" } else { "" }, told);
        }
    }
    if let Some(refused) = &route.refused {
        line(
            out,
            "error",
            &format!("{} ({})", refused.message, refused.sqlstate),
        );
        for (name, text) in [("detail", &refused.detail), ("hint", &refused.hint)] {
            if let Some(text) = text {
                line(out, name, text);
            }
        }
    }
}
