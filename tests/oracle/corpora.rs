//! Where do the statements come from?

use std::path::{Path, PathBuf};

use crate::psql;

#[path = "../it/support/corpus.rs"]
#[allow(dead_code, reason = "only a part of it is of use here")]
mod lines;

/// Statements and the name under which they are reported.
pub struct Corpus {
    pub name: String,
    pub statements: Vec<String>,
}

/// PostgreSQL's regression scripts, one corpus.
pub fn regress() -> Corpus {
    let mut statements = Vec::new();
    let folder = source().join("src/test/regress/sql");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}; `make oracle` downloads it", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "sql"))
        .collect();
    files.sort();
    for file in files {
        statements.extend(psql::statements(&std::fs::read(file).unwrap()));
    }
    Corpus {
        name: "PostgreSQL's regression suite".to_owned(),
        statements,
    }
}

/// The source tree that tests/conformance keeps.
fn source() -> PathBuf {
    std::env::var_os("TIDEGATE_PG_SOURCE").map_or_else(
        || {
            let target = std::env::var_os("CARGO_TARGET_DIR")
                .map_or_else(|| here().join("target"), PathBuf::from);
            target.join("conformance/source-15")
        },
        PathBuf::from,
    )
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The corpora of tests/corpus; each line or block is a text that a client sends.
pub fn own() -> Vec<Corpus> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(here().join("tests/corpus"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "sql"))
        // PostgreSQL has nothing to say about these.
        .filter(|path| !path.ends_with("risingwave.sql"))
        .collect();
    files.sort();
    let corpus = |path: PathBuf| Corpus {
        name: path.file_name().unwrap().to_string_lossy().into_owned(),
        statements: lines::statements(&std::fs::read_to_string(&path).unwrap()),
    };
    files.into_iter().map(corpus).collect()
}

/// All of them.
pub fn all() -> Vec<Corpus> {
    let mut corpora = own();
    corpora.push(regress());
    corpora
}
