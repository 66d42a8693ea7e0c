//! Has the file the right shape?
//!
//! The tree is held against the schema: unknown and missing keys, wrong types, wrong words and
//! numbers out of range are all reported, each with its place and with what is allowed, and with the
//! key's own description where that helps. Variables are put in here, where the schema tells which
//! values are secrets. What is wrong is left out of the result, defaults are filled in, so that the
//! rest of the file can be checked further.

use serde_json::{Map, Value};

use super::{
    duration::{DURATION_ALLOWED, SIZE_ALLOWED},
    interpolate::Source,
    nearest::{nearest, suggest},
    problem::{Place, Report, child},
    schema::words,
    tree::{Entry, Kind, Node},
};

/// Longest word of the file that a message repeats, in characters.
const SHOWN_CHARS_MAX: usize = 40;

/// Holds trees against schemas.
pub(super) struct Checker<'a, 'b> {
    pub(super) source: &'b mut Source<'a>,
    pub(super) report: &'b mut Report,
}

impl Checker<'_, '_> {
    /// The value of `node` where it fits `schema`, with variables and defaults put in. What does not
    /// fit is reported and left out.
    pub(super) fn check(&mut self, node: &Node, schema: &Value, path: &str) -> Option<Value> {
        let wanted = match node.kind {
            Kind::List(_) => Some("array"),
            Kind::Scalar { .. } if !node.is_null() => Some("string"),
            Kind::Scalar { .. } | Kind::Map(_) => None,
        };
        if let (Some(Value::Array(choices)), Some(wanted)) = (schema.get("anyOf"), wanted) {
            let fits = |choice: &&Value| choice.get("type").and_then(Value::as_str) == Some(wanted);
            if let Some(choice) = choices.iter().find(fits) {
                return self.check(node, choice, path);
            }
        }
        if node.is_null() {
            let allowed = allowed(schema);
            self.error(
                path,
                format!("has no value; allowed: {allowed}, or leave the key out"),
            );
            return None;
        }
        let kind = schema
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or("string");
        match (kind, &node.kind) {
            ("object", Kind::Map(entries)) => Some(self.object(entries, schema, path)),
            ("array", Kind::List(items)) => Some(self.list(items, schema, path)),
            ("object" | "array", _) | (_, Kind::Map(_) | Kind::List(_)) => {
                let about = about(schema);
                let message = format!(
                    "is {}; allowed: {}{about}",
                    node.describe(),
                    allowed(schema)
                );
                self.error(path, message);
                None
            }
            (_, Kind::Scalar { text, .. }) => self.scalar(text, kind, schema, path),
        }
    }

    fn object(&mut self, entries: &[Entry], schema: &Value, path: &str) -> Value {
        let mut object = Map::new();
        let none = Map::new();
        let keys = schema
            .get("properties")
            .and_then(Value::as_object)
            .unwrap_or(&none);
        let others = schema
            .get("additionalProperties")
            .filter(|other| other.is_object());
        for entry in entries {
            let path = child(path, &entry.key);
            let Some(inner) = keys.get(&entry.key).or(others) else {
                self.unknown(entry.place, &path, &entry.key, keys);
                continue;
            };
            if let Some(value) = self.check(&entry.value, inner, &path) {
                object.insert(entry.key.clone(), value);
            } else if !keys.contains_key(&entry.key) {
                // A named thing with a wrong value still has its name: others may refer to it.
                object.insert(entry.key.clone(), Value::Object(Map::new()));
            }
        }
        for key in schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let Some(key) = key.as_str() else { continue };
            // A slip was told as an unknown key, with this one as the suggestion.
            let names = || keys.keys().map(String::as_str);
            let slip = |entry: &Entry| {
                !keys.contains_key(&entry.key) && nearest(&entry.key, names()) == Some(key)
            };
            if !entries.iter().any(|entry| entry.key == key || slip(entry)) {
                let inner = keys.get(key).unwrap_or(&Value::Null);
                let message = format!("is missing; allowed: {}{}", allowed(inner), about(inner));
                self.error(&child(path, key), message);
            }
        }
        fill_in(&mut object, keys);
        Value::Object(object)
    }

    fn unknown(&mut self, place: Place, path: &str, key: &str, known: &Map<String, Value>) {
        let near = suggest(key, known.keys().map(String::as_str));
        let known: Vec<&str> = known.keys().map(String::as_str).collect();
        let message = format!("unknown key{near}; allowed: {}", known.join(", "));
        self.report.error_at(Some(place), path, message);
    }

    fn list(&mut self, items: &[Node], schema: &Value, path: &str) -> Value {
        let inner = schema.get("items").unwrap_or(&Value::Null);
        let object = inner.get("type").and_then(Value::as_str) == Some("object");
        let values = items.iter().enumerate().map(|(at, item)| {
            // What is left out keeps its place, or the paths of what follows would be wrong.
            self.check(item, inner, &format!("{path}[{at}]"))
                .unwrap_or_else(|| {
                    if object {
                        Value::Object(Map::new())
                    } else {
                        Value::String(String::new())
                    }
                })
        });
        Value::Array(values.collect())
    }

    fn scalar(&mut self, raw: &str, kind: &str, schema: &Value, path: &str) -> Option<Value> {
        let secret = schema.get("x-secret").is_some();
        if let Some(name) = raw.strip_prefix('$').filter(|_| looks_like_variable(raw)) {
            let name = if secret { "NAME" } else { name };
            let message = format!("is taken as it stands; write ${{{name}}} to put a variable in");
            self.report.warn(path, message);
        }
        let expanded = if schema.get("x-format").and_then(Value::as_str) == Some("secret") {
            self.source.secret(raw)
        } else {
            self.source.expand(raw)
        };
        let text = match expanded {
            Ok(text) => text,
            Err(message) => {
                self.error(path, message);
                return None;
            }
        };
        // What came out of a variable may be a secret: the message shows what stands in the file.
        let shown = if secret { String::new() } else { shown(raw) };
        let value = match kind {
            "boolean" => match text.as_str() {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                _ => None,
            },
            "integer" => number(&text, schema).map(Value::from),
            _ => match words(schema) {
                None => Some(Value::String(text)),
                Some(words) => {
                    let found = words.iter().any(|(word, _)| *word == text);
                    if !found {
                        let near = if text == raw {
                            nearest(&text, words.iter().map(|(word, _)| *word))
                        } else {
                            None
                        };
                        let near = near
                            .map(|n| format!(" (did you mean `{n}`?)"))
                            .unwrap_or_default();
                        let allowed = allowed(schema);
                        self.error(
                            path,
                            format!("unknown word{shown}{near}; allowed: {allowed}"),
                        );
                        return None;
                    }
                    Some(Value::String(text))
                }
            },
        };
        if value.is_none() {
            let message = format!(
                "wrong value{shown}; allowed: {}{}",
                allowed(schema),
                about(schema)
            );
            self.error(path, message);
        }
        value
    }

    fn error(&mut self, path: &str, message: String) {
        self.report.error(path, message);
    }
}

/// Fills in the defaults of the keys that are not there.
fn fill_in(object: &mut Map<String, Value>, keys: &Map<String, Value>) {
    for (key, schema) in keys {
        if object.contains_key(key) {
            continue;
        }
        let Some(mut default) = schema.get("default").cloned() else {
            continue;
        };
        if let (Value::Object(inner), Some(Value::Object(keys))) =
            (&mut default, schema.get("properties"))
        {
            fill_in(inner, keys);
        }
        object.insert(key.clone(), default);
    }
}

fn number(text: &str, schema: &Value) -> Option<u64> {
    let limit = |name: &str| schema.get(name).and_then(Value::as_u64);
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number: u64 = if digits {
        text.parse().ok()?
    } else {
        return None;
    };
    let fits = limit("minimum").is_none_or(|least| number >= least)
        && limit("maximum").is_none_or(|most| number <= most);
    fits.then_some(number)
}

/// `$NAME` without braces, which shells and other programs would expand.
fn looks_like_variable(raw: &str) -> bool {
    raw.strip_prefix('$').is_some_and(|name| {
        name.starts_with(|c: char| c.is_ascii_uppercase())
            && name
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    })
}

/// A word of the file, quoted for a message.
pub(super) fn shown(word: &str) -> String {
    let mut short: String = word.chars().take(SHOWN_CHARS_MAX).collect();
    if short.len() < word.len() {
        short.push('…');
    }
    format!(" `{}`", short.escape_debug())
}

/// What a schema allows, in words.
pub(super) fn allowed(schema: &Value) -> String {
    let text = |name: &str| schema.get(name).and_then(Value::as_str);
    if let Some(note) = text("x-allowed") {
        return note.to_owned();
    }
    if let Some(words) = words(schema) {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        return words.join(", ");
    }
    let number = |name: &str| schema.get(name).and_then(Value::as_u64);
    match (text("type"), text("x-format")) {
        (Some("object"), _) => match schema.get("properties").and_then(Value::as_object) {
            Some(keys) => {
                let keys: Vec<&str> = keys.keys().map(String::as_str).collect();
                format!("a mapping with {}", keys.join(", "))
            }
            None => "a mapping of names".into(),
        },
        (Some("array"), _) if schema["items"]["type"] == "object" => "a list of mappings".into(),
        (Some("array"), _) => "a list such as [a, b]".into(),
        (Some("integer"), _) => match (number("minimum"), number("maximum")) {
            (Some(least), Some(most)) => format!("a whole number from {least} to {most}"),
            _ => "a whole number".into(),
        },
        (Some("boolean"), _) => "true, false".into(),
        (_, Some("duration")) => DURATION_ALLOWED.into(),
        (_, Some("size")) => SIZE_ALLOWED.into(),
        (_, Some("secret")) => "text, ${VAR}, or file:/path".into(),
        (None, _) if schema.get("anyOf").is_some() => "text, or a list of texts".into(),
        _ => "text".into(),
    }
}

/// The first sentence of a key's description, in parentheses.
fn about(schema: &Value) -> String {
    let description = schema
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or("");
    let first = description
        .split(". ")
        .next()
        .unwrap_or("")
        .trim_end_matches('.');
    if first.is_empty() {
        String::new()
    } else {
        format!(" ({first})")
    }
}
