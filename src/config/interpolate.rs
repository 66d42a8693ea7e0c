//! Which text stands behind `${VAR}` and `file:/run/secrets/x`?
//!
//! Variables are put in after the YAML was parsed, so that a password with a colon or a quote in it
//! cannot change the structure of the file. The value of a variable is searched for `${…}` again, as
//! deployments build one from another; `$$` means a dollar sign only in the file itself, and what is
//! not a well-formed `${NAME}` in a value stays as it is, for a generated password may contain
//! anything. No message repeats a value, nor what looks like the name of a variable inside one.

use std::{io, path::Path};

/// Longest value after variables were put in, in bytes.
pub(super) const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Longest chain of variables that lead to each other.
pub(super) const CHAIN_MAX: usize = 16;
/// Most variables that are looked up for one file.
pub(super) const LOOKUPS_MAX: usize = 20_000;
/// Most text that variables may add to one file, in bytes.
pub(super) const ADDED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Looks up variables and secret files.
pub(super) struct Source<'a> {
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
    pub(super) read_file: &'a dyn Fn(&Path) -> io::Result<String>,
    added_bytes: usize,
    lookups: usize,
}

impl<'a> Source<'a> {
    pub(super) fn new(
        env: &'a dyn Fn(&str) -> Option<String>,
        read_file: &'a dyn Fn(&Path) -> io::Result<String>,
    ) -> Self {
        Self {
            env,
            read_file,
            added_bytes: 0,
            lookups: 0,
        }
    }

    /// `raw` with its variables put in, or what is wrong with it.
    pub(super) fn expand(&mut self, raw: &str) -> Result<String, String> {
        let mut out = String::new();
        self.expand_into(raw, &mut Vec::new(), &mut out)?;
        if out != raw {
            self.added_bytes += out.len();
            if self.added_bytes > ADDED_BYTES_MAX {
                return Err(format!(
                    "variables add too much text to the file; allowed: at most {} KiB",
                    ADDED_BYTES_MAX / 1024
                ));
            }
        }
        Ok(out)
    }

    /// A secret: as [`expand`](Self::expand), or the content of the file that `file:` names.
    pub(super) fn secret(&mut self, raw: &str) -> Result<String, String> {
        let value = self.expand(raw)?;
        // Only the file itself may name a secret file, so that no password is taken for a path.
        let secret = match raw
            .strip_prefix("file:")
            .and_then(|_| value.strip_prefix("file:"))
        {
            None => value,
            Some(path) => {
                let text = (self.read_file)(Path::new(path)).map_err(|error| {
                    format!(
                        "the secret file cannot be read ({}); allowed: file:/path of a readable \
                         text file",
                        error.kind()
                    )
                })?;
                if text.len() > VALUE_BYTES_MAX {
                    return Err(too_long());
                }
                text.trim_end_matches(['\n', '\r']).to_owned()
            }
        };
        if secret.is_empty() {
            return Err(
                "the secret is empty; allowed: text, ${VAR}, or file:/path; or leave the \
                        key out"
                    .into(),
            );
        }
        Ok(secret)
    }

    fn expand_into(
        &mut self,
        text: &str,
        chain: &mut Vec<String>,
        out: &mut String,
    ) -> Result<(), String> {
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            push(out, &rest[..at])?;
            rest = &rest[at..];
            if chain.is_empty() && rest.starts_with("$$") {
                push(out, "$")?;
                rest = &rest[2..];
            } else if let Some(inside) = rest.strip_prefix("${") {
                match (Reference::read(inside), chain.is_empty()) {
                    (Ok((reference, after)), _) => {
                        self.reference(&reference, chain, out)?;
                        rest = after;
                    }
                    (Err(message), true) => return Err(message.into()),
                    (Err(_), false) => {
                        push(out, "${")?;
                        rest = inside;
                    }
                }
            } else {
                push(out, "$")?;
                rest = &rest[1..];
            }
        }
        push(out, rest)
    }

    fn reference(
        &mut self,
        reference: &Reference<'_>,
        chain: &mut Vec<String>,
        out: &mut String,
    ) -> Result<(), String> {
        let name = reference.name;
        if let Some(start) = chain.iter().position(|seen| seen == name) {
            return Err(format!(
                "variables lead back to themselves: {} -> {name}; allowed: values that end",
                chain[start..].join(" -> ")
            ));
        }
        if chain.len() >= CHAIN_MAX {
            return Err(format!(
                "too many variables lead to each other: {}; allowed: a chain of {CHAIN_MAX}",
                chain.join(" -> ")
            ));
        }
        self.lookups += 1;
        if self.lookups > LOOKUPS_MAX {
            return Err(format!(
                "too many variables; allowed: {LOOKUPS_MAX} in one file"
            ));
        }
        let value = (self.env)(name);
        match (value, reference.default) {
            (Some(value), default) if default.is_none() || !value.is_empty() => {
                chain.push(name.to_owned());
                self.expand_into(&value, chain, out)?;
                chain.pop();
                Ok(())
            }
            (_, Some(default)) => self.expand_into(default, chain, out),
            (_, None) => Err(match chain.last() {
                None => format!(
                    "the environment variable {name} is not set; set it, or write \
                     ${{{name}:-default}}"
                ),
                // What looks like a name here may be part of a password.
                Some(last) => format!(
                    "the value of the environment variable {last} refers to a variable that is \
                     not set; set that one too"
                ),
            }),
        }
    }
}

/// `NAME}` or `NAME:-default}`, after the `${`.
struct Reference<'a> {
    name: &'a str,
    default: Option<&'a str>,
}

impl<'a> Reference<'a> {
    fn read(inside: &'a str) -> Result<(Self, &'a str), &'static str> {
        const ALLOWED: &str = "a ${ that is no variable; allowed: ${NAME}, ${NAME:-default}, and \
                               $$ for a dollar sign";
        let end = inside
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .ok_or("a ${ is not closed; allowed: ${NAME}, and $$ for a dollar sign")?;
        let (name, rest) = inside.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(ALLOWED);
        }
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((
                Self {
                    name,
                    default: None,
                },
                after,
            ));
        }
        let default = rest.strip_prefix(":-").ok_or(ALLOWED)?;
        // The default may hold references of its own.
        let mut depth = 0;
        let mut at = 0;
        while let Some(found) = default[at..].find(['$', '}']) {
            at += found;
            if default[at..].starts_with("${") {
                depth += 1;
                at += 2;
            } else if default[at..].starts_with("$$") {
                at += 2;
            } else if default[at..].starts_with('$') {
                at += 1;
            } else if depth == 0 {
                return Ok((
                    Self {
                        name,
                        default: Some(&default[..at]),
                    },
                    &default[at + 1..],
                ));
            } else {
                depth -= 1;
                at += 1;
            }
            if depth > CHAIN_MAX {
                return Err("defaults inside defaults go too deep; allowed: 16 levels");
            }
        }
        Err("a ${NAME:- is not closed; allowed: ${NAME:-default}")
    }
}

fn push(out: &mut String, text: &str) -> Result<(), String> {
    if out.len() + text.len() > VALUE_BYTES_MAX {
        return Err(too_long());
    }
    out.push_str(text);
    Ok(())
}

fn too_long() -> String {
    format!(
        "the value is too long; allowed: at most {} KiB",
        VALUE_BYTES_MAX / 1024
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn env(name: &str) -> Option<String> {
        let value = match name {
            "USER" => "app",
            "EMPTY" => "",
            "GREETING" => "hi ${USER}",
            "ODD" => "a$$b${c d}${",
            "A" => "${B}",
            "B" => "x${C:-}",
            "C" => "${A}",
            "SELF" => "${SELF}",
            "HIDDEN" => "pw${s3cret}",
            "FILEISH" => "file:/etc/passwd",
            "DOUBLE" => "${DOUBLE2}${DOUBLE2}",
            "DOUBLE2" => "${LONG}${LONG}",
            "WIDE" => "${WIDE1}${WIDE1}${WIDE1}${WIDE1}${WIDE1}${WIDE1}${WIDE1}${WIDE1}",
            "WIDE1" => "${WIDE2}${WIDE2}${WIDE2}${WIDE2}${WIDE2}${WIDE2}${WIDE2}${WIDE2}",
            "WIDE2" => "${WIDE3}${WIDE3}${WIDE3}${WIDE3}${WIDE3}${WIDE3}${WIDE3}${WIDE3}",
            "WIDE3" => "${WIDE4}${WIDE4}${WIDE4}${WIDE4}${WIDE4}${WIDE4}${WIDE4}${WIDE4}",
            "WIDE4" => "${EMPTY}${EMPTY}${EMPTY}${EMPTY}${EMPTY}${EMPTY}${EMPTY}${EMPTY}",
            "LONG" => return Some("x".repeat(VALUE_BYTES_MAX / 3)),
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn read_file(path: &Path) -> io::Result<String> {
        match path.to_str() {
            Some("/run/secrets/x") => Ok("s3cret\n".into()),
            Some("/empty") => Ok("\n".into()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn expand(raw: &str) -> Result<String, String> {
        Source::new(&env, &read_file).expand(raw)
    }

    fn secret(raw: &str) -> Result<String, String> {
        Source::new(&env, &read_file).secret(raw)
    }

    #[test]
    fn variables() {
        for (raw, want) in [
            ("plain", "plain"),
            ("${USER}", "app"),
            ("a${USER}b${USER}", "aappbapp"),
            ("${NONE:-dflt}", "dflt"),
            ("${EMPTY:-dflt}", "dflt"),
            ("${EMPTY}", ""),
            ("${NONE:-${USER}!}", "app!"),
            ("${NONE:-${NONE2:-x}}", "x"),
            ("${NONE:-}", ""),
            ("$$ $${USER} $x 5$", "$ ${USER} $x 5$"),
            ("${GREETING}", "hi app"),
            ("${ODD}", "a$$b${c d}${"),
        ] {
            assert_eq!(expand(raw).as_deref(), Ok(want), "{raw}");
        }
    }

    #[test]
    fn refusals() {
        for (raw, want) in [
            (
                "${NONE}",
                "NONE is not set; set it, or write ${NONE:-default}",
            ),
            ("${SELF}", "SELF -> SELF"),
            ("${A}", "A -> B -> C -> A"),
            ("${", "not closed"),
            ("${A", "not closed"),
            ("${A:-x", "not closed"),
            ("${1}", "no variable"),
            ("${}", "no variable"),
            ("${A-x}", "no variable"),
            ("${HIDDEN}", "HIDDEN refers to a variable that is not set"),
            ("${DOUBLE}", "too long"),
            ("${WIDE}", "too many variables"),
        ] {
            let message = expand(raw).unwrap_err();
            assert!(message.contains(want), "{raw}: {message}");
            assert!(!message.contains("s3cret"));
        }
    }

    #[test]
    fn secrets() {
        assert_eq!(secret("file:/run/secrets/x").as_deref(), Ok("s3cret"));
        assert_eq!(secret("${FILEISH}").as_deref(), Ok("file:/etc/passwd"));
        assert!(
            secret("file:/none")
                .unwrap_err()
                .contains("cannot be read (entity not found)")
        );
        assert!(secret("file:/empty").unwrap_err().contains("empty"));
        assert!(secret("${EMPTY}").unwrap_err().contains("empty"));
    }

    proptest! {
        #[test]
        fn any_text_is_expanded_or_refused(raw in "[${}:A-C a-]{0,40}") {
            let _ = expand(&raw);
        }
    }
}
