//! What the scripts over analytic relations share; see ../../analytic/shared.py.
use std::fs;

use crate::var;

/// Minutes, on any of the servers.
pub const SLOW: &str = "SELECT count(*) FROM events a, events b, events c, events d WHERE a.reading + b.reading + c.reading + d.reading < 0";

/// Name and SQL of each statement of a file: one line below a comment that names it.
pub fn statements(file: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(format!("{}/{file}", var("SUITE"))).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let pairs = lines.windows(2).filter_map(|pair| {
        let title = pair[0].strip_prefix("-- ")?;
        let named = !pair[1].starts_with("-- ");
        named.then(|| (title.to_owned(), pair[1].to_owned()))
    });
    pairs.collect()
}

/// A binary value byte for byte, with the type that the server says it has. RisingWave calls every text varchar, and says
/// of every array that it may hold NULLs, which no driver looks at.
pub fn shown(kind: &str, bytes: Option<&[u8]>) -> String {
    let kind = match kind.to_ascii_lowercase().as_str() {
        "text" => "varchar".to_owned(),
        other => other.to_owned(),
    };
    let Some(bytes) = bytes else {
        return "NULL".to_owned();
    };
    let mut bytes = bytes.to_vec();
    if bytes.len() >= 12 && kind.starts_with('_') {
        bytes[4..8].fill(0);
    }
    format!("{kind} {}", bytes.escape_ascii())
}
