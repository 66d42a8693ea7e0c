//! Inputs on which a fuzzer once found that something does not hold, run for ever after (`make fuzz` writes them).

use std::path::Path;

#[path = "../../fuzz/src/lib.rs"]
mod targets;

type Target = fn(&[u8]);

/// Every kept input of a target.
fn inputs(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/inputs")
        .join(target);
    let Ok(files) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    files
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect()
}

#[test]
fn what_fuzzing_found_holds_now() {
    let all: [(&str, Target); 4] = [
        ("split", targets::split),
        ("facts", targets::facts),
        ("decide", targets::decide),
        ("config", targets::config),
    ];
    for (target, run) in all {
        for input in inputs(target) {
            run(&input);
        }
    }
}

#[test]
fn what_must_hold_for_all_texts_holds_for_the_corpora() {
    let corpora = [
        crate::support::corpus::orm(),
        crate::support::corpus::writes(),
        crate::support::corpus::risingwave(),
    ];
    for text in corpora.iter().flatten() {
        targets::split(text.as_bytes());
        targets::facts(text.as_bytes());
        targets::decide(format!("\0{text}").as_bytes());
    }
}
