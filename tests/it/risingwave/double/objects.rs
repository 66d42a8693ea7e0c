//! What does RisingWave take for a definition of something, and what of PostgreSQL's definitions does it refuse?

use super::columns::{column, table};
use super::errors::Failure;
use super::grammar::Verb;
use super::lexer::{Kind, Token};
use super::reader::{Name, Reader, shown};
use super::types;

/// A column as defined.
#[derive(Debug, Clone)]
pub struct Defined {
    pub name: String,
    pub postgres: String,
    pub not_null: bool,
    pub default: Option<String>,
}

/// A table, or a source with columns.
#[derive(Debug, Clone, Default)]
pub struct Table {
    pub columns: Vec<Defined>,
    pub key: Vec<String>,
    /// A row with a key that is there already is left out instead of taking its place.
    pub keeps_first: bool,
    pub append_only: bool,
    pub properties: Vec<(String, String)>,
    /// The source and the upstream table that it mirrors.
    pub mirrors: Option<(Name, String)>,
    pub refused: Option<Failure>,
}

/// What is to be done to the catalog.
#[derive(Debug, Clone)]
pub enum Action {
    Table(Table),
    TableAs(String),
    Source(Table),
    View(String),
    Index {
        table: Name,
        columns: String,
        /// The other columns that it holds; all of them where it does not say.
        include: Option<Vec<String>>,
    },
    /// A kind that is only a name here: sink, subscription, connection, secret.
    Label,
    Schema,
    Database,
    User {
        password: Option<String>,
        login: bool,
        notice: bool,
        superuser: bool,
    },
    Drop {
        missing_ok: bool,
        cascade: bool,
    },
    AddColumn {
        column: Defined,
    },
    DropColumn(String),
    Retype {
        column: String,
        postgres: String,
    },
    Rename(String),
    Owner,
    Comment,
    /// Passed on as it is: GRANT, REVOKE, CREATE FUNCTION.
    Verbatim(String),
}

/// A change of the catalog.
#[derive(Debug, Clone)]
pub struct Change {
    pub tag: String,
    /// `table`, `materialized view`, …
    pub kind: String,
    pub name: Name,
    pub exists_ok: bool,
    /// As RisingWave prints it.
    pub definition: String,
    pub action: Action,
}

pub fn change(reader: &mut Reader<'_>) -> Result<Verb, Failure> {
    let first = reader.next().map(Token::value).unwrap_or_default();
    match first.as_str() {
        "create" => create(reader),
        "drop" => drop_object(reader),
        "alter" => alter(reader),
        "comment" => {
            reader.must("on")?;
            let kind = reader.identifier()?;
            let mut name = reader.name()?;
            if kind == "column" {
                name = Name {
                    schema: None,
                    name: name.schema.unwrap_or(name.name),
                };
            }
            reader.must("is")?;
            reader.rest();
            Ok(made("COMMENT", "table", name, Action::Comment))
        }
        verb => {
            let from = reader.at - 1;
            let tokens = reader.rest();
            let to = tokens.last().is_some_and(|t| t.is("public"));
            if to {
                return Ok(Verb::Refused(Failure::new(
                    "Invalid input syntax: User \"public\" does not exist",
                )));
            }
            let text = reader.source(&reader.tokens[from..reader.at]);
            let tag = format!("{}_PRIVILEGE", verb.to_ascii_uppercase());
            Ok(made(&tag, "privilege", unnamed(), Action::Verbatim(text)))
        }
    }
}

fn unnamed() -> Name {
    Name {
        schema: None,
        name: String::new(),
    }
}

fn made(tag: &str, kind: &str, name: Name, action: Action) -> Verb {
    Verb::Change(Box::new(Change {
        tag: tag.to_owned(),
        kind: kind.to_owned(),
        name,
        exists_ok: false,
        definition: String::new(),
        action,
    }))
}

fn create(reader: &mut Reader<'_>) -> Result<Verb, Failure> {
    let from = reader.at - 1;
    let refuse = |reader: &mut Reader<'_>, what: &str| {
        reader.rest();
        Ok(Verb::Refused(Failure::unimplemented(what)))
    };
    let replace = reader.eat("or replace");
    if reader.eat("temp table") || reader.eat("temporary table") {
        return refuse(reader, "CREATE TEMPORARY TABLE");
    }
    if reader.eat("unique index") {
        return refuse(reader, "create unique index");
    }
    let kind = match reader.peek() {
        Some(_) if reader.eat("materialized view") => "materialized view",
        Some(token) => {
            const KINDS: &[&str] = &[
                "table",
                "view",
                "index",
                "source",
                "sink",
                "subscription",
                "connection",
                "secret",
                "schema",
                "database",
                "user",
                "function",
                "aggregate",
            ];
            let Some(kind) = KINDS.iter().find(|kind| token.is(kind)) else {
                return Err(reader.expected("an object type after CREATE"));
            };
            reader.at += 1;
            kind
        }
        None => return Err(reader.expected("an object type after CREATE")),
    };
    if replace && kind.ends_with("view") {
        return refuse(
            reader,
            &format!("CREATE OR REPLACE {}", kind.to_ascii_uppercase()),
        );
    }
    let exists_ok = reader.eat("if not exists");
    if kind == "function" || kind == "aggregate" {
        let name = reader.name()?;
        reader.rest();
        let text = reader.source(&reader.tokens[from..reader.at]);
        return Ok(made("CREATE_FUNCTION", kind, name, Action::Verbatim(text)));
    }
    let name = reader.name()?;
    let action = match kind {
        "table" | "source" => {
            let table = table(reader)?;
            if reader.eat("as") {
                let query = reader.rest();
                Action::TableAs(reader.source(query))
            } else if let Some(failure) = table.refused {
                return Ok(Verb::Refused(failure));
            } else if kind == "table" {
                Action::Table(table)
            } else {
                Action::Source(table)
            }
        }
        "view" | "materialized view" => {
            if reader.sees_sign("(") {
                reader.group()?;
            }
            reader.must("as")?;
            let at = reader.at;
            if let Verb::Refused(failure) = super::reads::query(reader)? {
                return Ok(Verb::Refused(failure));
            }
            let query = reader.source(&reader.tokens[at..reader.at]);
            Action::View(query)
        }
        "index" => match index(reader)? {
            Ok(action) => action,
            Err(refused) => return Ok(Verb::Refused(refused)),
        },
        "schema" => Action::Schema,
        "database" => Action::Database,
        "user" => user(reader)?,
        _ => Action::Label,
    };
    if matches!(
        kind,
        "schema" | "database" | "sink" | "subscription" | "connection" | "secret"
    ) {
        reader.rest();
    }
    let definition = shown(&reader.tokens[from..reader.at], true);
    let tag = format!("CREATE_{}", kind.to_ascii_uppercase().replace(' ', "_"));
    Ok(Verb::Change(Box::new(Change {
        tag,
        kind: kind.to_owned(),
        name,
        exists_ok,
        definition,
        action,
    })))
}

fn index(reader: &mut Reader<'_>) -> Result<Result<Action, Failure>, Failure> {
    reader.must("on")?;
    let table = reader.name()?;
    if reader.eat("using") {
        let method = reader.identifier()?;
        reader.rest();
        return Ok(Err(Failure::new(format!(
            "Invalid input syntax: invalid index method {method}"
        ))));
    }
    let inner = reader.group()?;
    let columns = reader.source(inner);
    for column in inner.split(|t| t.is_sign(",")) {
        if let [_, class, ..] = column
            && class.kind == Kind::Word
            && !["asc", "desc", "nulls"].iter().any(|word| class.is(word))
        {
            return Err(Failure::expected(reader.sql, ")", Some(class)));
        }
    }
    let mut include = None;
    if reader.eat("include") {
        let names = reader.group()?.iter().filter(|t| !t.is_sign(","));
        include = Some(names.map(Token::value).collect());
    }
    if reader.eat("distributed by") {
        reader.group()?;
    }
    Ok(Ok(Action::Index {
        table,
        columns,
        include,
    }))
}

fn user(reader: &mut Reader<'_>) -> Result<Action, Failure> {
    reader.eat("with");
    let (mut password, mut login, mut notice, mut superuser) = (None, true, false, false);
    while let Some(token) = reader.next() {
        match token.value().as_str() {
            "password" if reader.eat("null") => notice = true,
            "password" => password = Some(reader.literal()?),
            "nologin" => login = false,
            "superuser" => superuser = true,
            "encrypted" | "login" | "nosuperuser" | "createdb" | "nocreatedb" | "createuser"
            | "nocreateuser" | "admin" | "noadmin" => {}
            ";" => {
                reader.at -= 1;
                break;
            }
            other => {
                let next = reader.peek().map_or(reader.sql.len(), |t| t.start);
                let what = format!("unexpected user option: {other}");
                return Err(Failure::syntax(reader.sql, next, &what));
            }
        }
    }
    Ok(Action::User {
        password,
        login,
        notice,
        superuser,
    })
}

fn drop_object(reader: &mut Reader<'_>) -> Result<Verb, Failure> {
    const KINDS: &[&str] = &[
        "materialized view",
        "table",
        "view",
        "index",
        "source",
        "sink",
        "subscription",
        "connection",
        "secret",
        "schema",
        "database",
        "user",
        "function",
    ];
    let Some(kind) = KINDS.iter().find(|kind| reader.eat(kind)) else {
        return Err(reader.expected("an object type after DROP"));
    };
    let missing_ok = reader.eat("if exists");
    let name = reader.name()?;
    if *kind == "function" && reader.sees_sign("(") {
        reader.group()?;
    }
    let cascade = reader.eat("cascade");
    reader.eat("restrict");
    let tag = format!("DROP_{}", kind.to_ascii_uppercase().replace(' ', "_"));
    Ok(made(
        &tag,
        kind,
        name,
        Action::Drop {
            missing_ok,
            cascade,
        },
    ))
}

fn alter(reader: &mut Reader<'_>) -> Result<Verb, Failure> {
    let from = reader.at - 1;
    if reader.eat("system") {
        reader.must("set")?;
        reader.rest();
        return Ok(Verb::Done("ALTER_SYSTEM"));
    }
    if reader.eat("user") {
        let name = reader.name()?;
        let action = user(reader)?;
        return Ok(made("UPDATE_USER", "user", name, action));
    }
    const KINDS: &[&str] = &[
        "materialized view",
        "table",
        "view",
        "index",
        "source",
        "sink",
        "schema",
        "database",
    ];
    let Some(kind) = KINDS.iter().find(|kind| reader.eat(kind)) else {
        return Err(reader.expected("an object type after ALTER"));
    };
    let name = reader.name()?;
    let tag = format!("ALTER_{}", kind.to_ascii_uppercase().replace(' ', "_"));
    let done = |action: Action| Ok(made(&tag, kind, name.clone(), action));
    if reader.eat("rename to") {
        return done(Action::Rename(reader.identifier()?));
    }
    if reader.eat("owner to") || reader.eat("set schema") {
        reader.identifier()?;
        return done(Action::Owner);
    }
    if *kind != "table" && reader.eat("set") {
        reader.rest();
        return done(Action::Owner);
    }
    if reader.eat("add column") {
        reader.eat("if not exists");
        let mut table = Table::default();
        let column = column(reader, &mut table)?;
        if let Some(failure) = table.refused {
            return Ok(Verb::Refused(failure));
        }
        if column.not_null && column.default.is_none() {
            let why =
                "Invalid input syntax: alter table add NOT NULL columns must have default value";
            return Ok(Verb::Refused(Failure::new(why)));
        }
        return done(Action::AddColumn { column });
    }
    if reader.eat("drop column") {
        reader.eat("if exists");
        let column = reader.identifier()?;
        if reader.eat("cascade") {
            return Ok(Verb::Refused(Failure::tracked("drop column cascade", 6903)));
        }
        return done(Action::DropColumn(column));
    }
    if reader.eat("alter column") || reader.eat("alter") {
        let column = reader.identifier()?;
        if reader.eat("type") || reader.eat("set data type") {
            let kind = types::data_type(reader)?;
            return match kind.refused {
                Some(why) => Ok(Verb::Refused(Failure::new(why))),
                None => done(Action::Retype {
                    column,
                    postgres: kind.postgres,
                }),
            };
        }
        let text = reader.rest();
        let text = shown(text, false);
        let text = text
            .replacen("set", "SET", 1)
            .replacen("drop", "DROP", 1)
            .replacen("default", "DEFAULT", 1);
        return Ok(Verb::Refused(Failure::tracked(&text, 6903)));
    }
    reader.rest();
    let text = shown(&reader.tokens[from..reader.at], true);
    Ok(Verb::Refused(Failure::unhandled(&text)))
}
