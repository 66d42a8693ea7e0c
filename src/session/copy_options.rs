//! How is a client's `COPY … TO STDOUT` to look?
//!
//! Pure: PostgreSQL's rules for the options, in its order and its words, for the COPY that the router answers itself because the engine
//! cannot (<https://www.postgresql.org/docs/15/sql-copy.html>).

use crate::error::ClientError;
use crate::protocol::sqlstate::{FEATURE_NOT_SUPPORTED, INVALID_PARAMETER_VALUE, SYNTAX_ERROR};
use crate::sql::{CopyOption, CopyValue};

/// The columns whose values are always quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Quoted {
    /// All.
    All,
    /// Those.
    These(Vec<String>),
}

/// The form of the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CopyFormat {
    /// As on the wire.
    Binary,
    /// PostgreSQL's own text.
    Text(Plain),
    /// Comma separated values.
    Csv {
        /// What both texts have.
        plain: Plain,
        /// What stands around a value that needs it.
        quote: u8,
        /// What stands before that within one.
        escape: u8,
        /// Values that are quoted in any case.
        quoted: Quoted,
    },
}

/// What both texts have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plain {
    /// Between values.
    pub(super) delimiter: u8,
    /// What stands for NULL.
    pub(super) null: Vec<u8>,
    /// The first line names the columns.
    pub(super) header: bool,
}

#[derive(Default)]
struct Given {
    format: Option<String>,
    delimiter: Option<String>,
    null: Option<String>,
    header: Option<bool>,
    quote: Option<String>,
    escape: Option<String>,
    force_quote: Option<Quoted>,
    force_not_null: Option<()>,
    force_null: Option<()>,
    encoding: Option<()>,
    freeze: Option<()>,
    selected: Option<()>,
}

/// What the options mean.
///
/// # Errors
/// As PostgreSQL has them; and for an encoding other than UTF-8, which is not converted.
pub(super) fn format(options: &[CopyOption]) -> Result<CopyFormat, ClientError> {
    let given = collect(options)?;
    let binary = given.format.as_deref() == Some("binary");
    let csv = given.format.as_deref() == Some("csv");
    if binary && given.delimiter.is_some() {
        return Err(syntax("cannot specify DELIMITER in BINARY mode"));
    }
    if binary && given.null.is_some() {
        return Err(syntax("cannot specify NULL in BINARY mode"));
    }
    let (usual_delimiter, usual_null) = if csv { (",", "") } else { ("\t", "\\N") };
    let delimiter = given.delimiter.as_deref().unwrap_or(usual_delimiter);
    let null = given.null.as_deref().unwrap_or(usual_null);
    let delimiter = one_byte(delimiter, "delimiter")?;
    let is_line_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    if is_line_end(&delimiter) {
        return Err(invalid(
            "COPY delimiter cannot be newline or carriage return",
        ));
    }
    if null.as_bytes().iter().any(is_line_end) {
        return Err(invalid(
            "COPY null representation cannot use newline or carriage return",
        ));
    }
    let taken = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'\\' | b'.')
    };
    if !csv && taken(delimiter) {
        let message = format!("COPY delimiter cannot be \"{}\"", delimiter as char);
        return Err(invalid(&message));
    }
    if binary && given.header == Some(true) {
        return Err(unsupported("cannot specify HEADER in BINARY mode"));
    }
    if !csv && given.quote.is_some() {
        return Err(unsupported("COPY quote available only in CSV mode"));
    }
    let quote = match given.quote.as_deref().filter(|_| csv) {
        Some(quote) => one_byte(quote, "quote")?,
        None => b'"',
    };
    if csv && delimiter == quote {
        return Err(invalid("COPY delimiter and quote must be different"));
    }
    if !csv && given.escape.is_some() {
        return Err(unsupported("COPY escape available only in CSV mode"));
    }
    let escape = match given.escape.as_deref().filter(|_| csv) {
        Some(escape) => one_byte(escape, "escape")?,
        None => quote,
    };
    if !csv && given.force_quote.is_some() {
        return Err(unsupported("COPY force quote available only in CSV mode"));
    }
    for (given, what) in [
        (given.force_not_null, "force not null"),
        (given.force_null, "force null"),
    ] {
        if given.is_some() {
            let when = if csv {
                "only available using COPY FROM"
            } else {
                "available only in CSV mode"
            };
            return Err(unsupported(&format!("COPY {what} {when}")));
        }
    }
    if !binary && null.as_bytes().contains(&delimiter) {
        return Err(unsupported(
            "COPY delimiter must not appear in the NULL specification",
        ));
    }
    if csv && null.as_bytes().contains(&quote) {
        return Err(unsupported(
            "CSV quote character must not appear in the NULL specification",
        ));
    }
    let plain = Plain {
        delimiter,
        null: null.as_bytes().to_vec(),
        header: given.header.unwrap_or(false),
    };
    Ok(if binary {
        CopyFormat::Binary
    } else if csv {
        let quoted = given.force_quote.unwrap_or(Quoted::These(Vec::new()));
        CopyFormat::Csv {
            plain,
            quote,
            escape,
            quoted,
        }
    } else {
        CopyFormat::Text(plain)
    })
}

fn collect(options: &[CopyOption]) -> Result<Given, ClientError> {
    let mut given = Given::default();
    for option in options {
        let name = option.name.as_str();
        match name {
            "format" => {
                let format = text(option)?;
                if !matches!(format.as_str(), "text" | "csv" | "binary") {
                    return Err(invalid(&format!("COPY format \"{format}\" not recognized")));
                }
                once(&mut given.format, format)?;
            }
            "delimiter" => once(&mut given.delimiter, text(option)?)?,
            "null" => once(&mut given.null, text(option)?)?,
            "quote" => once(&mut given.quote, text(option)?)?,
            "escape" => once(&mut given.escape, text(option)?)?,
            "header" => once(&mut given.header, header(option)?)?,
            "force_quote" => {
                let quoted = match &option.value {
                    CopyValue::All => Quoted::All,
                    _ => Quoted::These(columns(option)?),
                };
                once(&mut given.force_quote, quoted)?;
            }
            "force_not_null" => {
                columns(option)?;
                once(&mut given.force_not_null, ())?;
            }
            "force_null" => {
                columns(option)?;
                once(&mut given.force_null, ())?;
            }
            "encoding" => {
                encoding(&text(option)?)?;
                once(&mut given.encoding, ())?;
            }
            // They say nothing for COPY TO.
            "freeze" => once(&mut given.freeze, ())?,
            "convert_selectively" => once(&mut given.selected, ())?,
            _ => return Err(syntax(&format!("option \"{name}\" not recognized"))),
        }
    }
    Ok(given)
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), ClientError> {
    if place.replace(value).is_some() {
        return Err(syntax("conflicting or redundant options"));
    }
    Ok(())
}

fn text(option: &CopyOption) -> Result<String, ClientError> {
    match &option.value {
        CopyValue::Text(text) => Ok(text.clone()),
        CopyValue::All => Ok("*".to_owned()),
        CopyValue::Names(names) => Ok(names.join(".")),
        CopyValue::None => Err(syntax(&format!("{} requires a parameter", option.name))),
    }
}

fn columns(option: &CopyOption) -> Result<Vec<String>, ClientError> {
    match &option.value {
        CopyValue::Names(names) => Ok(names.clone()),
        _ => Err(invalid(&format!(
            "argument to option \"{}\" must be a list of column names",
            option.name
        ))),
    }
}

fn header(option: &CopyOption) -> Result<bool, ClientError> {
    let CopyValue::Text(value) = &option.value else {
        return Ok(true);
    };
    match value.to_ascii_lowercase().as_str() {
        "true" | "on" | "1" => Ok(true),
        "false" | "off" | "0" => Ok(false),
        "match" => Err(unsupported("cannot use \"match\" with HEADER in COPY TO")),
        _ => Err(syntax("header requires a Boolean value or \"match\"")),
    }
}

fn encoding(name: &str) -> Result<(), ClientError> {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    match plain.to_ascii_lowercase().as_str() {
        "utf8" | "unicode" => Ok(()),
        known if is_encoding(known) => Err(unsupported(&format!(
            "COPY in encoding \"{name}\" is not supported over analytic relations"
        ))
        .hint("Leave ENCODING out, and convert the data from UTF-8.")),
        _ => Err(invalid(
            "argument to option \"encoding\" must be a valid encoding name",
        )),
    }
}

/// The families of names that PostgreSQL has for encodings.
fn is_encoding(name: &str) -> bool {
    let families = [
        "sqlascii", "latin", "iso88", "win", "koi8", "euc", "sjis", "big5", "gb", "uhc", "johab",
        "mule", "abc", "alt", "tcvn", "vscii", "shiftjis", "mskanji",
    ];
    families.iter().any(|family| name.starts_with(family))
}

fn one_byte(value: &str, what: &str) -> Result<u8, ClientError> {
    match value.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(unsupported(&format!(
            "COPY {what} must be a single one-byte character"
        ))),
    }
}

fn syntax(message: &str) -> ClientError {
    ClientError::refused(SYNTAX_ERROR, message)
}

fn invalid(message: &str) -> ClientError {
    ClientError::refused(INVALID_PARAMETER_VALUE, message)
}

fn unsupported(message: &str) -> ClientError {
    ClientError::refused(FEATURE_NOT_SUPPORTED, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{self, Dialect};

    fn read(options: &str) -> Result<CopyFormat, (&'static str, String)> {
        let text = format!("copy (select 1 a) to stdout ({options})");
        let copied = sql::copied(text.as_bytes(), Dialect::default()).expect("options");
        format(&copied.options).map_err(|error| (error.sqlstate, error.message))
    }

    #[test]
    fn defaults_are_postgres_own() {
        let plain = |delimiter, null: &str, header| Plain {
            delimiter,
            null: null.as_bytes().to_vec(),
            header,
        };
        assert_eq!(
            format(&[]),
            Ok(CopyFormat::Text(plain(b'\t', "\\N", false)))
        );
        assert_eq!(
            read("format csv, header"),
            Ok(CopyFormat::Csv {
                plain: plain(b',', "", true),
                quote: b'"',
                escape: b'"',
                quoted: Quoted::These(Vec::new()),
            })
        );
        assert_eq!(read("format binary, header off"), Ok(CopyFormat::Binary));
        assert_eq!(
            read(
                "format csv, quote '|', delimiter 5, null 'x', force_quote *, encoding 'utf-8', freeze"
            ),
            Ok(CopyFormat::Csv {
                plain: plain(b'5', "x", false),
                quote: b'|',
                escape: b'|',
                quoted: Quoted::All,
            })
        );
    }

    #[test]
    fn an_option_that_postgres_refuses_is_refused_in_its_words() {
        for (options, code, message) in [
            ("format foo", "22023", "COPY format \"foo\" not recognized"),
            ("wobble 1", "42601", "option \"wobble\" not recognized"),
            (
                "null 'a', null 'b'",
                "42601",
                "conflicting or redundant options",
            ),
            ("delimiter", "42601", "delimiter requires a parameter"),
            (
                "header match",
                "0A000",
                "cannot use \"match\" with HEADER in COPY TO",
            ),
            (
                "header 7",
                "42601",
                "header requires a Boolean value or \"match\"",
            ),
            ("delimiter 'a'", "22023", "COPY delimiter cannot be \"a\""),
            (
                "force_null (a)",
                "0A000",
                "COPY force null available only in CSV mode",
            ),
            (
                "format csv, force_null (a)",
                "0A000",
                "COPY force null only available using COPY FROM",
            ),
            (
                "encoding 'x'",
                "22023",
                "argument to option \"encoding\" must be a valid encoding name",
            ),
            (
                "format csv, force_quote a",
                "22023",
                "argument to option \"force_quote\" must be a list of column names",
            ),
        ] {
            assert_eq!(read(options), Err((code, message.to_owned())), "{options}");
        }
    }
}
