//! How does the file become a configuration?
//!
//! The steps in order. [`parse`] is pure: text, environment and secret files are arguments, and any
//! text gives an answer in bounded time. [`load`] hands it the real ones.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    path::Path,
};

use super::{
    Config, Loaded, Problem, Severity,
    check::Checker,
    file::File,
    interpolate::{Source, VALUE_BYTES_MAX},
    problem::{Place, Positions, Report, child},
    resolve::resolve,
    schema,
    tree::{self, FILE_BYTES_MAX, Flaw, Kind, Node},
};

/// Reads and checks the file at `path`. Files it names with a relative path are looked for beside it.
pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Vec<Problem>> {
    let file_name = path.display().to_string();
    let text = match read_bounded(path, FILE_BYTES_MAX) {
        Ok(text) => text,
        Err(error) => {
            let message = if error.kind() == io::ErrorKind::InvalidData {
                "the file is not UTF-8 text".to_owned()
            } else {
                format!("the file cannot be read: {error}")
            };
            let flaw = Flaw {
                place: None,
                path: String::new(),
                message,
            };
            return Err(vec![problem(&file_name, flaw)]);
        }
    };
    let beside = path.parent().unwrap_or(Path::new(""));
    let read_file = |secret: &Path| read_bounded(&beside.join(secret), VALUE_BYTES_MAX);
    let mut loaded = parse(&file_name, &text, env, &read_file)?;
    beside_the_file(&mut loaded.config, beside);
    Ok(loaded)
}

/// Certificates and keys with a relative path are looked for beside the file, as secrets are.
fn beside_the_file(config: &mut Config, beside: &Path) {
    let roots = config
        .backends
        .iter_mut()
        .filter_map(|backend| backend.url.sslrootcert.as_mut());
    let own = config
        .tls
        .iter_mut()
        .flat_map(|tls| [&mut tls.cert, &mut tls.key]);
    for path in roots.filter(|path| path.as_os_str() != "system").chain(own) {
        *path = beside.join(&*path);
    }
}

/// Checks `text`, the content of `file_name`. `env` looks up environment variables and `read_file`
/// reads what `file:` names; it should read no more than it must.
pub fn parse(
    file_name: &str,
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
    read_file: &dyn Fn(&Path) -> io::Result<String>,
) -> Result<Loaded, Vec<Problem>> {
    let (root, flaws) = tree::read(text).map_err(|flaw| vec![problem(file_name, flaw)])?;
    let mut places = BTreeMap::new();
    collect_places(&root, "", &mut places);
    let mut report = Report::new(Positions::new(file_name, places));
    for flaw in flaws {
        report.error_at(flaw.place, &flaw.path, flaw.message);
    }
    let mut source = Source::new(env, read_file);
    let mut checker = Checker {
        source: &mut source,
        report: &mut report,
    };
    let value = checker.check(&root, schema::shared(), "");
    let Some(value) = value else {
        return Err(report.finish());
    };
    let read = serde_yaml::to_value(value).and_then(serde_yaml::from_value::<File>);
    let Ok(file) = read else {
        // Its message might show a value. It cannot happen as long as the schema and the structs
        // come from the same place.
        report.error(
            "",
            "the file passed its check but cannot be read: a defect in Tidegate",
        );
        return Err(report.finish());
    };
    let config = resolve(file, &root.keys_of("backends"), &mut report);
    if report.has_errors() {
        return Err(report.finish());
    }
    Ok(Loaded {
        config,
        warnings: report.finish(),
    })
}

fn problem(file: &str, flaw: Flaw) -> Problem {
    Problem {
        severity: Severity::Error,
        file: file.to_owned(),
        line: flaw.place.map(|p| p.line),
        col: flaw.place.map(|p| p.col),
        path: flaw.path,
        message: flaw.message,
    }
}

fn collect_places(node: &Node, path: &str, places: &mut BTreeMap<String, Place>) {
    places.insert(path.to_owned(), node.place);
    match &node.kind {
        Kind::Scalar { .. } => {}
        Kind::List(items) => {
            for (at, item) in items.iter().enumerate() {
                collect_places(item, &format!("{path}[{at}]"), places);
            }
        }
        Kind::Map(entries) => {
            for entry in entries {
                collect_places(&entry.value, &child(path, &entry.key), places);
            }
        }
    }
}

/// Reads a file that should be small; a longer one is cut one byte after the limit, so that the
/// reader sees that it is too long.
fn read_bounded(path: &Path, limit: usize) -> io::Result<String> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let file = std::fs::File::open(path)?;
    let full = file.take(limit).read_to_end(&mut bytes)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        // The cut may have gone through a character.
        Err(error) if full as u64 == limit => {
            Ok(String::from_utf8_lossy(error.as_bytes()).into_owned())
        }
        Err(_) => Err(io::ErrorKind::InvalidData.into()),
    }
}
