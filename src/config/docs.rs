//! What does the manual say about each key?
//!
//! docs/config.md is made from the schema, and so from the doc comments of the structs that are the
//! file: a key cannot be documented wrongly, nor be forgotten. Keys come in the order of the
//! annotated example, which holds every key there is.

use std::fmt::Write;

use serde_json::Value;

use super::{check::allowed, schema::shared, schema::words, tree};

/// A file with every key in it.
const EXAMPLE: &str = include_str!("example.yaml");

const INTRODUCTION: &str = "\
<!-- Made from src/config/file.rs by `TIDEGATE_BLESS=1 cargo test config`; do not edit. -->
# router.yaml

One YAML file tells Tidegate where to listen, which servers stand behind it, and which statements go
where. `tidegate check` prints every problem of a file with its line and column; `tidegate schema`
prints the JSON Schema, which editors use to complete and check. Unknown keys are errors.

";

const VALUES: &str = "\
## Values

- **Durations** carry a unit: `500ms`, `5s`, `10m`, `1h30m`, `1d`. **Sizes** too: `64kB`, `16MB`, `1GB`, in steps of
  1024 as in postgresql.conf.
- **Variables**: `${VAR}` is the environment variable, `${VAR:-default}` gives a default for one that is unset or
  empty, `$$` is a dollar sign. They are put into single values after the YAML was read, so a value cannot change the
  structure of the file. A `${NAME}` in the value of a variable is replaced too; circles are errors.
- **Secrets** (`password`) may also be `file:/run/secrets/x`: the content of that file without the newline at its
  end. A relative path starts at the folder of router.yaml. Secrets are never shown, not in errors either; so put
  a password that stands in a `url` behind a variable, or better under `password`.
- **Globs**: `*` is any text, `?` one character; case counts. In `relations`, text in double quotes stands for itself:
  `public.\"Weird.Name\"`.
- **Aliases** (`*name`) and merge keys (`<<: *name`) work within limits: 1 MiB of file, 20000 values, 24 levels.

";

/// The text of docs/config.md.
pub fn markdown() -> String {
    let mut out = String::from(INTRODUCTION);
    let _ = write!(out, "```yaml\n{EXAMPLE}```\n\n{VALUES}## Keys\n\n");
    section(&mut out, shared(), "", 3);
    let mut out = out.trim_end().to_owned();
    out.push('\n');
    out
}

/// A table of the keys of one mapping, then a section for each key that is a mapping itself.
fn section(out: &mut String, schema: &Value, path: &str, level: usize) {
    let keys = ordered(schema);
    if keys.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "| key | type | default | what it does | example |\n|---|---|---|---|---|"
    );
    for (key, inner) in &keys {
        let required = schema["required"]
            .as_array()
            .is_some_and(|r| r.iter().any(|r| r == key));
        let default = match &inner["default"] {
            _ if required => "required".into(),
            Value::Object(_) => String::new(),
            Value::Null => "—".into(),
            default => code(default),
        };
        let example = inner["examples"]
            .as_array()
            .and_then(|e| e.first())
            .map_or("".into(), code);
        let _ = writeln!(
            out,
            "| `{key}` | {} | {default} | {} | {example} |",
            cell(&kind(inner)),
            cell(&description(inner)),
        );
    }
    out.push('\n');
    for (key, inner) in keys {
        let path = if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        };
        let (inner, path) = match (&inner["items"], &inner["additionalProperties"]) {
            (items @ Value::Object(_), _) => (items, format!("{path}[…]")),
            (_, named @ Value::Object(_)) => (named, format!("{path}.NAME")),
            _ => (inner, path),
        };
        if inner["properties"].is_object() {
            let about = inner["description"].as_str().unwrap_or("");
            let _ = writeln!(out, "{} `{path}`\n\n{about}\n", "#".repeat(level.min(6)));
            section(out, inner, &path, level + 1);
        }
    }
}

/// The keys of a mapping, in the order in which the example has them.
fn ordered(schema: &Value) -> Vec<(&str, &Value)> {
    let Some(keys) = schema["properties"].as_object() else {
        return Vec::new();
    };
    let mut keys: Vec<_> = keys
        .iter()
        .map(|(key, inner)| (key.as_str(), inner))
        .collect();
    let names: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
    let order = tree::read(EXAMPLE)
        .map(|(root, _)| root.order_like(&names))
        .unwrap_or_default();
    keys.sort_by_key(|(key, _)| {
        order
            .iter()
            .position(|known| known == key)
            .unwrap_or(usize::MAX)
    });
    keys
}

/// What kind of value a key takes.
fn kind(schema: &Value) -> String {
    if let Some(words) = words(schema) {
        let words: Vec<String> = words
            .iter()
            .map(|(word, meaning)| match *meaning {
                "" => format!("`{word}`"),
                meaning => format!("`{word}`: {}", meaning.trim_end_matches('.')),
            })
            .collect();
        return words.join("; ");
    }
    match (schema["type"].as_str(), schema["x-format"].as_str()) {
        (_, Some(format)) => format.to_owned(),
        (Some("object"), _) if schema["properties"].is_object() => "mapping, see below".into(),
        (Some("object"), _) => "mapping of names, see below".into(),
        (Some("array"), _) if schema["items"]["properties"].is_object() => "list, see below".into(),
        (Some("array"), _) => "list of globs".into(),
        _ => allowed(schema),
    }
}

fn description(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or("").to_owned()
}

/// A value as it would stand in the file.
fn code(value: &Value) -> String {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    format!("`{}`", cell(&text))
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key of the schema, wherever it stands.
    fn keys(schema: &Value, all: &mut Vec<String>) {
        if let Some(properties) = schema["properties"].as_object() {
            all.extend(properties.keys().cloned());
            properties.values().for_each(|inner| keys(inner, all));
        }
        for inner in ["items", "additionalProperties"] {
            if schema[inner].is_object() {
                keys(&schema[inner], all);
            }
        }
    }

    #[test]
    fn every_key_is_in_the_example_and_in_the_manual() {
        let mut all = Vec::new();
        keys(shared(), &mut all);
        let manual = markdown();
        for key in all {
            assert!(
                EXAMPLE.contains(&format!("{key}:")),
                "{key} is not in the example"
            );
            assert!(
                manual.contains(&format!("| `{key}` |")),
                "{key} is not in the manual"
            );
        }
        assert!(!manual.contains("null"), "{manual}");
    }

    #[test]
    fn the_example_is_without_a_fault() {
        let loaded = super::super::parse("example.yaml", EXAMPLE, &|_| Some("x".into()), &|_| {
            Ok("y".into())
        });
        assert!(loaded.unwrap().warnings.is_empty());
    }
}
