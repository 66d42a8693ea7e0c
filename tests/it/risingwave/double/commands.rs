//! What does RisingWave make of the statements that are about the session, not about data?

use super::errors::Failure;
use super::grammar::Verb;
use super::lexer::{Kind, Token};
use super::reader::{Reader, shown};
use super::settings::Shown;

pub fn transaction(reader: &mut Reader<'_>) -> Result<Verb, Failure> {
    let first = reader.next().map(Token::value).unwrap_or_default();
    match first.as_str() {
        "start" => {
            reader.must("transaction")?;
            modes(reader, "START_TRANSACTION")
        }
        "begin" => {
            let _ = reader.eat("work") || reader.eat("transaction");
            modes(reader, "BEGIN")
        }
        verb => {
            let tag = match verb {
                "commit" => "COMMIT",
                "abort" => "ABORT",
                _ => "ROLLBACK",
            };
            let _ = verb != "abort" && (reader.eat("work") || reader.eat("transaction"));
            if reader.eat("and chain") {
                return Ok(Verb::Refused(Failure::tracked(
                    &format!("{tag} AND CHAIN"),
                    10376,
                )));
            }
            Ok(Verb::End(tag))
        }
    }
}

fn modes(reader: &mut Reader<'_>, tag: &'static str) -> Result<Verb, Failure> {
    let (mut read_only, mut isolated) = (false, false);
    loop {
        if reader.eat("read only") {
            read_only = true;
        } else if reader.eat("read write") {
            read_only = false;
        } else if reader.eat("isolation level") {
            isolated = true;
            let level = [
                "read committed",
                "read uncommitted",
                "repeatable read",
                "serializable",
            ];
            if !level.iter().any(|words| reader.eat(words)) {
                return Err(reader.expected("isolation level"));
            }
        } else {
            break;
        }
        reader.eat_sign(",");
    }
    Ok(Verb::Begin {
        read_only,
        isolated,
        tag,
    })
}

pub fn set(reader: &mut Reader<'_>) -> Result<Verb, Failure> {
    reader.at += 1;
    if reader.eat("transaction") || reader.eat("session characteristics") {
        reader.rest();
        return Ok(Verb::SetTransaction);
    }
    if !reader.eat("local") {
        reader.eat("session");
    }
    if reader.eat("time zone") {
        return time_zone(reader);
    }
    let name = reader.identifier()?;
    if !(reader.eat_sign("=") || reader.eat("to")) {
        return Err(reader.expected("'=' or 'TO' after config parameter"));
    }
    if reader.at_end() {
        return Err(reader.expected("variable value"));
    }
    let value = value(reader);
    Ok(Verb::Set { name, value })
}

fn time_zone(reader: &mut Reader<'_>) -> Result<Verb, Failure> {
    let name = "timezone".to_owned();
    if reader.eat("interval") {
        let at = reader.peek().map_or(reader.sql.len(), |t| t.start);
        if reader.literal()? != "+00:00" {
            return Err(Failure::syntax(
                reader.sql,
                at,
                "expected variable: only support \"+00:00\" ",
            ));
        }
        reader.rest();
        return Ok(Verb::Set {
            name,
            value: Some("UTC".to_owned()),
        });
    }
    let value = match reader.eat("local") {
        true => Some("Etc/UTC".to_owned()),
        false => value(reader),
    };
    Ok(Verb::Set { name, value })
}

/// A value or a list of them; `None` is DEFAULT.
fn value(reader: &mut Reader<'_>) -> Option<String> {
    let tokens = reader.rest();
    if let [only] = tokens
        && only.is("default")
    {
        return None;
    }
    let one = |tokens: &[Token]| tokens.iter().map(Token::value).collect::<String>();
    let parts: Vec<String> = tokens.split(|t| t.is_sign(",")).map(one).collect();
    Some(parts.join(", "))
}

/// SHOW of a setting takes all words to the end of the whole string for its name, also behind a semicolon.
pub fn show(reader: &mut Reader<'_>) -> Result<Verb, Failure> {
    reader.at += 1;
    if let Some(shown) = shown_object(reader)? {
        return Ok(Verb::Show(shown));
    }
    let tokens = &reader.tokens[reader.at..];
    reader.at = reader.tokens.len();
    let words = tokens
        .iter()
        .filter(|t| t.kind == Kind::Word || t.kind == Kind::Quoted);
    let name = words.map(Token::value).collect::<Vec<_>>().join(" ");
    let name = if name == "transaction isolation level" {
        "transaction_isolation"
    } else {
        &name
    };
    Ok(Verb::Show(Shown::Setting(name.to_owned())))
}

fn shown_object(reader: &mut Reader<'_>) -> Result<Option<Shown>, Failure> {
    const KINDS: &[(&str, &str)] = &[
        ("tables", "table"),
        ("sources", "source"),
        ("sinks", "sink"),
        ("subscriptions", "subscription"),
        ("views", "view"),
        ("materialized views", "materialized view"),
        ("connections", "connection"),
        ("secrets", "secret"),
    ];
    let before = reader.at;
    for (words, kind) in KINDS {
        if reader.eat(words) {
            let schema = match reader.eat("from") {
                true => Some(reader.identifier()?),
                false => None,
            };
            let like = match (reader.eat("like"), reader.eat("ilike")) {
                (false, false) => None,
                (cased, _) => Some((reader.literal()?, cased)),
            };
            return Ok(Some(Shown::Relations { kind, schema, like }));
        }
    }
    let single = |reader: &mut Reader<'_>, words: &str| {
        let found = reader.eat(words) && reader.at_end();
        if !found {
            reader.at = before;
        }
        found
    };
    Ok(Some(match () {
        () if single(reader, "all") => Shown::All,
        () if single(reader, "databases") => Shown::Databases,
        () if single(reader, "schemas") => Shown::Schemas,
        () if single(reader, "cluster") => Shown::Cluster,
        () if single(reader, "jobs") => Shown::Jobs,
        () if single(reader, "processlist") => Shown::Processes,
        () if single(reader, "cursors") => Shown::Cursors,
        () if single(reader, "parameters") => Shown::Parameters,
        () if single(reader, "subscription cursors") => Shown::Nothing(&[
            "Session Id",
            "User",
            "Host",
            "Database",
            "Subscription Cursor Name",
        ]),
        () if single(reader, "internal tables") => Shown::Nothing(&["Name"]),
        () if single(reader, "functions") => {
            Shown::Nothing(&["Name", "Arguments", "Return Type", "Language", "Link"])
        }
        () if reader.eat("columns from") => Shown::Columns(reader.name()?),
        () if reader.eat("indexes from") => Shown::Indexes(reader.name()?),
        () if reader.eat("create") => {
            let kind = match reader.eat("materialized view") {
                true => "materialized view".to_owned(),
                false => reader.identifier()?,
            };
            Shown::Create {
                kind,
                name: reader.name()?,
            }
        }
        () => return Ok(None),
    }))
}

pub fn describe(reader: &mut Reader<'_>) -> Result<Verb, Failure> {
    reader.at += 1;
    Ok(Verb::Describe(reader.name()?))
}

pub fn explain(reader: &mut Reader<'_>) -> Result<Verb, Failure> {
    reader.at += 1;
    if reader.eat("analyze") {
        reader.rest();
        return Ok(Verb::Refused(Failure::tracked("explain analyze", 4856)));
    }
    if reader.sees_sign("(") && !reader.peek_at(1).is_some_and(|t| t.is("select")) {
        reader.group()?;
    }
    reader.eat("verbose");
    reader.rest();
    Ok(Verb::Explain)
}

pub fn cursor(reader: &mut Reader<'_>) -> Result<Verb, Failure> {
    let first = reader.next().map(Token::value).unwrap_or_default();
    if first == "close" {
        let all = reader.eat("all");
        let name = if all {
            None
        } else {
            Some(reader.identifier()?)
        };
        return Ok(Verb::Close(name));
    }
    if first == "declare" {
        let cursor = reader.identifier()?;
        let subscription = reader.eat("subscription");
        reader.must("cursor")?;
        reader.must("for")?;
        if !subscription && !["select", "with", "values"].iter().any(|w| reader.sees(w)) {
            return Err(reader.expected("SELECT, VALUES, or a subquery in the query body"));
        }
        let from = reader.at;
        if subscription {
            reader.name()?;
            reader.rest();
            return Ok(Verb::Declare {
                cursor,
                query: "select 1 where false".to_owned(),
            });
        }
        super::reads::query(reader)?;
        let query = reader.source(&reader.tokens[from..reader.at]);
        return Ok(Verb::Declare { cursor, query });
    }
    let count = match reader.peek() {
        Some(token) if token.is("next") => 1,
        Some(token) if token.kind == Kind::Number => token.text.parse().unwrap_or(1),
        found => {
            let at = found.map_or(reader.sql.len(), |t| t.start);
            return Err(Failure::syntax(reader.sql, at, "invalid number"));
        }
    };
    reader.at += 1;
    reader.must("from")?;
    let cursor = reader.identifier()?;
    if reader.eat("with") {
        reader.group()?;
    }
    Ok(Verb::Fetch { cursor, count })
}

pub fn copy(reader: &mut Reader<'_>) -> Result<Verb, Failure> {
    let from = reader.at;
    reader.at += 1;
    if reader.sees_sign("(") {
        let inner = reader.group()?;
        let query = reader.source(inner);
        reader.must("to")?;
        reader.must("stdout")?;
        return Ok(Verb::CopyOut { query });
    }
    reader.name()?;
    if reader.sees_sign("(") {
        reader.group()?;
    }
    if reader.eat("to stdout") {
        let text = shown(&reader.tokens[from..reader.at], false);
        return Ok(Verb::Refused(Failure::unhandled(&text)));
    }
    if !reader.eat("from stdin") {
        return Err(reader.expected("FROM STDIN or TO STDOUT"));
    }
    let text = shown(&reader.tokens[from..reader.at], false);
    reader.must_sign(";")?;
    // The data is looked for in the statement's own text, and taken as part of it.
    reader.at = reader.tokens.len();
    Ok(Verb::Refused(Failure::unhandled(&format!("{text}; \n\\."))))
}

pub fn prepared(reader: &mut Reader<'_>) -> Result<Verb, Failure> {
    let first = reader.next().map(Token::value).unwrap_or_default();
    match first.as_str() {
        "discard" => {
            reader.must("all")?;
            Ok(Verb::Done("DISCARD"))
        }
        "deallocate" => {
            reader.eat("prepare");
            reader.identifier()?;
            Ok(Verb::Ignored("DEALLOCATE"))
        }
        "execute" => {
            let text = shown(reader.rest(), true);
            Ok(Verb::Refused(Failure::unhandled(&format!(
                "EXECUTE {text}"
            ))))
        }
        _ => {
            reader.identifier()?;
            if reader.sees_sign("(") {
                reader.group()?;
            }
            reader.must("as")?;
            reader.rest();
            Ok(Verb::Ignored("PREPARE"))
        }
    }
}

pub fn cluster(reader: &mut Reader<'_>) -> Result<Verb, Failure> {
    let first = reader.next().map(Token::value).unwrap_or_default();
    Ok(match first.as_str() {
        "flush" => Verb::Flush,
        "wait" => Verb::Done("WAIT"),
        "recover" => Verb::Done("RECOVER"),
        "kill" => Verb::Kill(reader.literal()?),
        "use" => Verb::Use(reader.identifier()?),
        _ => {
            if !(reader.eat("jobs") || reader.eat("job")) {
                return Err(reader.expected("JOB or JOBS"));
            }
            let job = reader
                .rest()
                .first()
                .map(|t| t.text.clone())
                .unwrap_or_default();
            Verb::Refused(Failure::caused(
                super::errors::INTERNAL,
                &[
                    "gRPC request to meta service (call `/meta.StreamManagerService/CancelCreatingJobs`) failed: Internal error",
                    &format!("job {job} not found in database"),
                ],
            ))
        }
    })
}
