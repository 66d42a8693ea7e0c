//! What is wrong with the file, and where?
//!
//! A problem is what `tidegate check` prints a line of. It carries a path as well as a place, for
//! the file may be generated and the person reading may know it only by its keys. Messages are made
//! from key names and from words as written in the file, never from a value that came out of a
//! variable, a secret file or a URL: those may be secrets.

use std::{collections::BTreeMap, fmt, sync::Arc};

/// Whether the router can start in spite of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but somebody will wonder.
    Warning,
}

/// Something wrong with the file. Displayed as `file:line:col: path: what is wrong, what is allowed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether the router can start in spite of it.
    pub severity: Severity,
    /// The file as the operator named it.
    pub file: String,
    /// Line, from 1.
    pub line: Option<usize>,
    /// Column, from 1, in characters.
    pub col: Option<usize>,
    /// The key, for example `routes[2].to`; empty for the file as a whole.
    pub path: String,
    /// What is wrong, and what is allowed.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(col) = self.col {
                write!(f, ":{col}")?;
            }
        }
        write!(f, ": ")?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        if self.severity == Severity::Warning {
            write!(f, "warning: ")?;
        }
        write!(f, "{}", self.message)
    }
}

impl std::error::Error for Problem {}

/// A line and a column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) col: usize,
}

/// Where each key's value stands in the file. Cloning shares.
#[derive(Debug, Clone)]
pub struct Positions {
    file: Arc<str>,
    places: Arc<BTreeMap<String, Place>>,
}

impl Positions {
    pub(super) fn new(file: &str, places: BTreeMap<String, Place>) -> Self {
        Self {
            file: file.into(),
            places: Arc::new(places),
        }
    }

    /// The file as the operator named it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line and column of `path`'s value, or of its nearest parent's.
    pub fn locate(&self, path: &str) -> Option<(usize, usize)> {
        let mut path = path;
        loop {
            if let Some(place) = self.places.get(path) {
                return Some((place.line, place.col));
            }
            if path.is_empty() {
                return None;
            }
            path = parent(path);
        }
    }

    /// A problem with the key at `path`, with its place.
    pub fn problem(&self, path: &str, severity: Severity, message: impl Into<String>) -> Problem {
        let (line, col) = self.locate(path).unzip();
        Problem {
            severity,
            file: self.file.to_string(),
            line,
            col,
            path: path.to_owned(),
            message: message.into(),
        }
    }
}

/// `a.b[1]` → `a.b` → `a` → the empty path. Quoted keys (`a."b.c"`) count as one.
pub(super) fn parent(path: &str) -> &str {
    if let Some(open) = path.strip_suffix('"') {
        // A quoted key holds no unescaped quote, so its start is the quote that follows a dot.
        return open.rfind(".\"").map_or("", |dot| &path[..dot]);
    }
    path.rfind(['.', '[']).map_or("", |cut| &path[..cut])
}

/// The path of `key` under `path`.
pub(super) fn child(path: &str, key: &str) -> String {
    let plain = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '*' | '?' | '@'));
    let key = if plain {
        key.to_owned()
    } else {
        format!("{key:?}")
    };
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}

/// Most errors, and most warnings, that are reported for one file: a file of noise must not fill the
/// terminal.
pub(super) const PROBLEMS_MAX: usize = 200;

/// The problems found so far, for one file.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) positions: Positions,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
    unsaid: usize,
}

impl Report {
    pub(super) fn new(positions: Positions) -> Self {
        Self {
            positions,
            errors: Vec::new(),
            warnings: Vec::new(),
            unsaid: 0,
        }
    }

    /// Adds an error, unless there is one of the same key: what follows from the first is noise.
    pub(super) fn error(&mut self, path: &str, message: impl Into<String>) {
        if !self.is_bad(path) {
            let problem = self.positions.problem(path, Severity::Error, message);
            self.push(problem);
        }
    }

    /// Adds a warning, unless the key is wrong anyway.
    pub(super) fn warn(&mut self, path: &str, message: impl Into<String>) {
        if !self.is_bad(path) {
            let problem = self.positions.problem(path, Severity::Warning, message);
            self.push(problem);
        }
    }

    /// Adds an error that stands at a place of its own, as an unknown key does.
    pub(super) fn error_at(&mut self, place: Option<Place>, path: &str, message: String) {
        let problem = Problem {
            severity: Severity::Error,
            file: self.positions.file().to_owned(),
            line: place.map(|p| p.line),
            col: place.map(|p| p.col),
            path: path.to_owned(),
            message,
        };
        self.push(problem);
    }

    /// Whether an error stands at exactly this key.
    pub(super) fn is_bad(&self, path: &str) -> bool {
        self.errors.iter().any(|p| p.path == path)
    }

    fn push(&mut self, problem: Problem) {
        let list = match problem.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        if list.len() < PROBLEMS_MAX {
            list.push(problem);
        } else {
            self.unsaid += 1;
        }
    }

    /// Whether the router cannot start.
    pub(super) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// All problems in the order of the file.
    pub(super) fn finish(self) -> Vec<Problem> {
        let mut problems = self.errors;
        problems.extend(self.warnings);
        problems.sort_by_key(|p| (p.line, p.col));
        if self.unsaid > 0 {
            let severity = problems
                .iter()
                .map(|p| p.severity)
                .min()
                .unwrap_or(Severity::Error);
            let message = format!("and {} more problems", self.unsaid);
            let file = self.positions.file().to_owned();
            problems.push(Problem {
                severity,
                file,
                line: None,
                col: None,
                path: String::new(),
                message,
            });
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents() {
        assert_eq!(parent("routes[1].relations[0]"), "routes[1].relations");
        assert_eq!(parent("routes[1]"), "routes");
        assert_eq!(parent("routes"), "");
        assert_eq!(parent("auth.users.\"a.b\""), "auth.users");
        assert_eq!(parent(&child("auth.users", "a b.c")), "auth.users");
    }

    #[test]
    fn display_is_one_line_an_editor_can_jump_to() {
        let places = BTreeMap::from([("routes[0]".to_owned(), Place { line: 7, col: 5 })]);
        let positions = Positions::new("router.yaml", places);
        let problem = positions.problem("routes[0].relations[3]", Severity::Error, "no such thing");
        assert_eq!(
            problem.to_string(),
            "router.yaml:7:5: routes[0].relations[3]: no such thing"
        );
        let warning = positions.problem("nowhere", Severity::Warning, "odd");
        assert_eq!(warning.to_string(), "router.yaml: nowhere: warning: odd");
    }
}
