//! How is the body of a CREATE TABLE or CREATE SOURCE read: columns, constraints, and the clauses behind them?

use super::errors::Failure;
use super::lexer::Token;
use super::objects::{Defined, Table};
use super::reader::{Reader, shown};
use super::types;

/// What stands behind the name of a table or a source.
pub fn table(reader: &mut Reader<'_>) -> Result<Table, Failure> {
    let mut table = Table::default();
    if reader.eat_sign("(") && !reader.eat_sign(")") {
        loop {
            element(reader, &mut table)?;
            if reader.eat_sign(")") {
                break;
            }
            if !reader.eat_sign(",") {
                return Err(reader.expected("',' or ')' after column definition"));
            }
        }
    }
    loop {
        if reader.eat("on conflict") {
            table.keeps_first = reader.eat("ignore") || reader.eat("do nothing");
            let _ = table.keeps_first || reader.eat("overwrite") || reader.eat("do update full");
        } else if reader.eat("append only") {
            table.append_only = true;
        } else if reader.eat("with") {
            table.properties = properties(reader.group()?);
        } else if reader.eat("from") {
            let source = reader.name()?;
            reader.must("table")?;
            table.mirrors = Some((source, reader.literal()?));
        } else if reader.eat("format") {
            reader.identifier()?;
            reader.must("encode")?;
            reader.identifier()?;
            if reader.sees_sign("(") {
                reader.group()?;
            }
        } else if reader.eat("include") {
            reader.identifier()?;
            if reader.eat("as") {
                reader.identifier()?;
            }
        } else {
            return Ok(table);
        }
    }
}

fn properties(tokens: &[Token]) -> Vec<(String, String)> {
    let one = |tokens: &[Token]| {
        let at = tokens.iter().position(|t| t.is_sign("="))?;
        let text = |tokens: &[Token]| tokens.iter().map(Token::value).collect::<String>();
        Some((text(&tokens[..at]), text(&tokens[at + 1..])))
    };
    tokens.split(|t| t.is_sign(",")).filter_map(one).collect()
}

/// One column or constraint.
fn element(reader: &mut Reader<'_>, table: &mut Table) -> Result<(), Failure> {
    if reader.eat_sign("*") {
        return Ok(());
    }
    if reader.sees("like") {
        let next = reader.peek_at(1).map_or(reader.sql.len(), |t| t.start);
        return Err(Failure::syntax(
            reader.sql,
            next,
            "syntax error at or near like",
        ));
    }
    let named = reader.eat("constraint");
    if named {
        reader.identifier()?;
    }
    let from = reader.at;
    if reader.eat("primary key") {
        let names = reader
            .group()?
            .iter()
            .filter(|t| !t.is_sign(","))
            .map(Token::value);
        table.key = names.collect();
        return Ok(());
    }
    if reader.eat("unique") || reader.eat("check") {
        reader.group()?;
    } else if reader.eat("foreign key") {
        reader.group()?;
        references(reader)?;
    } else {
        let column = column(reader, table)?;
        table.columns.push(column);
        return Ok(());
    }
    let text = shown(&reader.tokens[from..reader.at], true);
    refuse(
        table,
        Failure::unimplemented(&format!("table constraint \"{text}\"")),
    );
    Ok(())
}

fn refuse(table: &mut Table, failure: Failure) {
    table.refused.get_or_insert(failure);
}

fn references(reader: &mut Reader<'_>) -> Result<(), Failure> {
    reader.must("references")?;
    reader.name()?;
    if reader.sees_sign("(") {
        reader.group()?;
    }
    while reader.eat("on delete") || reader.eat("on update") {
        let _ = reader.eat("set null") || reader.eat("no action") || reader.identifier().is_ok();
    }
    Ok(())
}

/// One column with its constraints.
pub fn column(reader: &mut Reader<'_>, table: &mut Table) -> Result<Defined, Failure> {
    let name = reader.identifier()?;
    let kind = types::data_type(reader)?;
    if let Some(why) = kind.refused {
        refuse(table, Failure::new(why));
    }
    let mut column = Defined {
        name: name.clone(),
        postgres: kind.postgres,
        not_null: false,
        default: None,
    };
    loop {
        if reader.eat("constraint") {
            reader.identifier()?;
        }
        let from = reader.at;
        if reader.eat("not null") {
            column.not_null = true;
        } else if reader.eat("null") {
        } else if reader.eat("primary key") {
            table.key = vec![name.clone()];
        } else if reader.eat("default") || reader.eat("as") {
            column.default = Some(expression(reader));
        } else if reader.sees("unique") || reader.sees("check") || reader.sees("references") {
            if reader.sees("references") {
                references(reader)?;
            } else if reader.next().is_some_and(|t| t.is("check")) {
                reader.group()?;
            }
            let text = shown(&reader.tokens[from..reader.at], false);
            refuse(
                table,
                Failure::unimplemented(&format!("column constraints \"{text}\"")),
            );
        } else {
            return Ok(column);
        }
    }
}

/// A default: up to what cannot belong to it.
fn expression(reader: &mut Reader<'_>) -> String {
    const ENDS: &[&str] = &[
        "not",
        "null",
        "primary",
        "unique",
        "check",
        "references",
        "constraint",
        "generated",
    ];
    let from = reader.at;
    let mut depth = 0;
    while let Some(token) = reader.peek().filter(|t| !t.is_sign(";")) {
        if depth == 0 && (token.is_sign(",") || token.is_sign(")")) {
            break;
        }
        if depth == 0 && reader.at > from && ENDS.iter().any(|word| token.is(word)) {
            break;
        }
        depth += i32::from(token.is_sign("(")) - i32::from(token.is_sign(")"));
        reader.at += 1;
    }
    reader.source(&reader.tokens[from..reader.at])
}
