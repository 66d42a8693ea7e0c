//! Which keys are there, of which type, with which default?
//!
//! The JSON Schema is made from the structs in [`file`](super::file), and then smoothed: an optional
//! key is simply not required, it does not also admit `null`. The same schema drives the check of the
//! file ([`check`](super::check)) and the manual ([`docs`](super::docs)), so these cannot disagree.
//! Keys that start with `x-` are notes for these two: `x-format` (what the text must look like),
//! `x-secret` (never repeat the value).

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::file::File;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<File>()
        .to_value();
    smooth(&mut schema);
    if let Value::Object(root) = &mut schema {
        root.insert("title".into(), json!("Tidegate router.yaml"));
    }
    schema
});

/// The JSON Schema of `router.yaml`, for editors and for `tidegate schema`.
pub fn schema() -> Value {
    SCHEMA.clone()
}

/// The same, shared.
pub(super) fn shared() -> &'static Value {
    &SCHEMA
}

/// Takes `null` out of the types of optional keys.
fn smooth(schema: &mut Value) {
    if let Value::Object(object) = schema {
        if let Some(Value::Array(types)) = object.get_mut("type") {
            types.retain(|t| t != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                object.insert("type".into(), only);
            }
        }
        if let Some(Value::Array(words)) = object.get_mut("enum") {
            words.retain(|word| !word.is_null());
        }
        if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
            choices.retain(|choice| choice.get("type") != Some(&json!("null")));
            if let [Value::Object(only)] = choices.as_slice() {
                let only = only.clone();
                object.remove("anyOf");
                fill(object, only);
            }
        }
        // Only says how Rust stores numbers.
        if object.get("type") == Some(&json!("integer")) {
            object.remove("format");
        }
    }
    match schema {
        Value::Object(object) => object.values_mut().for_each(smooth),
        Value::Array(items) => items.iter_mut().for_each(smooth),
        _ => {}
    }
}

/// Adds what is not there: the key's own description is stronger than its type's.
fn fill(object: &mut Map<String, Value>, more: Map<String, Value>) {
    for (key, value) in more {
        object.entry(key).or_insert(value);
    }
}

/// The words a schema allows, with what each means, if it allows words only.
pub(super) fn words(schema: &Value) -> Option<Vec<(&str, &str)>> {
    if let Some(Value::Array(choices)) = schema.get("oneOf") {
        return choices
            .iter()
            .map(|choice| {
                let meaning = choice
                    .get("description")
                    .and_then(Value::as_str)
                    .unwrap_or("");
                Some((choice.get("const")?.as_str()?, meaning))
            })
            .collect();
    }
    let Some(Value::Array(words)) = schema.get("enum") else {
        return None;
    };
    words
        .iter()
        .map(|word| Some((word.as_str()?, "")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `see` with each key's path and schema.
    fn each(schema: &Value, path: &str, see: &mut dyn FnMut(&str, &Value)) {
        if let Some(Value::Object(properties)) = schema.get("properties") {
            for (key, inner) in properties {
                let path = format!("{path}.{key}");
                see(&path, inner);
                each(inner, &path, see);
            }
        }
        for inner in ["items", "additionalProperties"] {
            if let Some(inner) = schema.get(inner) {
                each(inner, path, see);
            }
        }
    }

    #[test]
    fn every_key_is_described_and_none_may_be_null() {
        let mut keys = 0;
        each(shared(), "", &mut |path, schema| {
            keys += 1;
            let description = schema
                .get("description")
                .and_then(Value::as_str)
                .unwrap_or("");
            assert!(description.ends_with('.'), "{path}: {description:?}");
            assert!(!schema.to_string().contains("\"null\""), "{path}: {schema}");
            assert!(schema.get("default") != Some(&Value::Null), "{path}");
        });
        assert!(keys > 40, "{keys}");
        assert!(!shared().to_string().contains("$ref"));
    }

    #[test]
    fn words_are_found() {
        let pooling = &shared()["properties"]["pooling"];
        let words: Vec<_> = words(pooling)
            .unwrap()
            .iter()
            .map(|(word, _)| *word)
            .collect();
        assert_eq!(words, ["transaction", "session"]);
    }
}
