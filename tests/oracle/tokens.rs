//! Do our lexer and splitter see what PostgreSQL's see?

use tidegate::sql::lexer::{Dialect, Kind, Token, lex};
use tidegate::sql::split;

use crate::corpora;

/// The tokens without white space and comments; parts of one literal on several lines are one token to PostgreSQL, and
/// `N'a'` is two.
fn ours(text: &str) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    let mut literal = false;
    for token in lex(text.as_bytes(), Dialect::default()).filter(Token::is_significant) {
        match found.last_mut() {
            Some((_, end))
                if literal && token.kind == Kind::String && continues(&text[*end..token.start]) =>
            {
                *end = token.end;
            }
            _ if token.kind == Kind::National => {
                found.push((token.start, token.start + 1));
                found.push((token.start + 1, token.end));
            }
            _ => found.push((token.start, token.end)),
        }
        literal = matches!(
            token.kind,
            Kind::String | Kind::Escaped | Kind::National | Kind::Unicode | Kind::Bits | Kind::Hex
        );
    }
    found
}

/// Whether what stands between two literals makes them one: a line end, and no comment in `/* */`.
fn continues(between: &str) -> bool {
    between.contains('\n') && !between.contains("/*")
}

fn theirs(text: &str) -> Option<Vec<(usize, usize)>> {
    use pg_query::protobuf::Token;
    let place = |at: i32| usize::try_from(at).unwrap();
    let tokens = pg_query::scan_tokens(text).ok()?;
    let code = tokens
        .iter()
        .filter(|token| !matches!(token.token(), Token::SqlComment | Token::CComment));
    Some(
        code.map(|token| (place(token.start), place(token.end)))
            .collect(),
    )
}

#[test]
fn tokens_begin_and_end_where_postgresql_sees_them() {
    let mut wrong = Vec::new();
    let mut compared = 0;
    for text in corpora::all().iter().flat_map(|corpus| &corpus.statements) {
        let Some(theirs) = theirs(text) else { continue };
        compared += 1;
        let ours = ours(text);
        if ours != theirs {
            let at = ours
                .iter()
                .zip(&theirs)
                .position(|(a, b)| a != b)
                .unwrap_or(ours.len().min(theirs.len()));
            wrong.push(format!(
                "{text}\n    token {at}: {:?} for {:?}",
                ours.get(at),
                theirs.get(at)
            ));
        }
    }
    println!("{compared} texts compared, {} differ", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn statements_are_split_where_postgresql_splits_them() {
    let mut wrong = Vec::new();
    for corpus in corpora::all() {
        // Statements that libpg_query takes, so that an error in one does not hide the next.
        let sound: Vec<&str> = corpus
            .statements
            .iter()
            .filter(|text| pg_query::parse(text, pg_query::ParserOptions::default()).is_ok())
            .map(String::as_str)
            .collect();
        for chunk in sound.chunks(50) {
            // The line end closes a comment at a statement's end.
            let text = chunk.join("\n;\n");
            let ours: Vec<&str> = split(text.as_bytes())
                .into_iter()
                .map(|range| &text[range])
                .collect();
            let Ok(theirs) = pg_query::split_with_parser(&text) else {
                continue;
            };
            let code = |part: &&str| {
                lex(part.as_bytes(), Dialect::default())
                    .filter(Token::is_significant)
                    .count()
            };
            let ours: Vec<usize> = ours.iter().map(code).collect();
            let theirs: Vec<usize> = theirs.iter().map(code).filter(|count| *count > 0).collect();
            if ours != theirs {
                wrong.push(format!(
                    "{} for {} statements in:\n{text}",
                    ours.len(),
                    theirs.len()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
