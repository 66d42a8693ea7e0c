//! Reads a corpus file: one statement a line, or, between two lines of `----`, one of several lines.

pub fn statements(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut block: Option<String> = None;
    for line in text.lines() {
        match (line == "----", &mut block) {
            (true, None) => block = Some(String::new()),
            (true, Some(_)) => found.extend(block.take()),
            (false, Some(block)) => {
                block.push_str(line);
                block.push('\n');
            }
            (false, None) if line.trim().is_empty() => {}
            (false, None) => found.push(line.to_owned()),
        }
    }
    assert!(block.is_none(), "a block is open at the end");
    found
}

/// Every way to write that is known to us.
pub fn writes() -> Vec<String> {
    statements(include_str!("../../corpus/writes.sql"))
}

/// What ORMs and BI tools send.
pub fn orm() -> Vec<String> {
    statements(include_str!("../../corpus/orm.sql"))
}

/// What RisingWave has and PostgreSQL has not, and a little of what both have.
pub fn risingwave() -> Vec<String> {
    statements(include_str!("../../corpus/risingwave.sql"))
}
