//! Messages in an order, of a number or under names that make no sense, in every state of a session: answered as PostgreSQL answers.

use crate::support::postgres::PAIR;
use crate::support::run;
use crate::support::tide::{Setup, Tide};
use crate::support::wire::{
    Frame, Raw, bind, bind_in, close, describe, execute, flush, message, parse, query, startup,
    sync, values, whole,
};

/// What the session has done before, and is in the middle of.
fn states() -> Vec<(&'static str, Vec<u8>)> {
    let copy = parse("", "COPY notes (body) FROM STDIN");
    let open = [
        query("BEGIN"),
        query("INSERT INTO notes (body) VALUES ('x')"),
    ]
    .concat();
    let portal = [parse("", "SELECT 1"), bind("open", "", &[])].concat();
    vec![
        ("idle", vec![]),
        ("begun", query("BEGIN")),
        ("in a transaction", open.clone()),
        (
            "in a failed transaction",
            [&open[..], &query("SELECT 1/0")].concat(),
        ),
        ("in a batch", whole("SELECT 1")),
        ("with a portal", [&open[..], &portal].concat()),
        ("skipping to Sync", whole("SELECT 1/0")),
        ("in COPY", query("COPY notes (body) FROM STDIN")),
        (
            "in COPY of a batch",
            [copy, bind("", "", &[]), execute("", 0)].concat(),
        ),
    ]
}

/// What no driver sends.
fn misuses() -> Vec<(&'static str, Vec<u8>)> {
    let long = "n".repeat(9_900);
    let takes_one = parse("one", "SELECT $1::int");
    let formats = |parameters: &[u16], results: &[u16]| {
        let value = Some(&b"1"[..]);
        [
            takes_one.clone(),
            bind_in("", "one", parameters, &[value], results),
            execute("", 0),
        ]
        .concat()
    };
    vec![
        ("Execute without Bind", execute("", 0)),
        ("Execute of an unknown portal", execute("nowhere", 0)),
        ("Execute of a long name", execute(&long, 0)),
        ("Bind of an unknown statement", bind("", "nowhere", &[])),
        ("Bind of a long name", bind(&long, &long, &[])),
        ("Bind of no statement", bind("", "", &[])),
        ("Describe of an unknown statement", describe('S', "nowhere")),
        ("Describe of an unknown portal", describe('P', "nowhere")),
        ("Describe of a long name", describe('P', &long)),
        (
            "Close of what is not there",
            [close('S', "nowhere"), close('P', &long)].concat(),
        ),
        (
            "a statement of a long name",
            [
                parse(&long, "SELECT 1"),
                bind("", &long, &[]),
                execute("", 0),
            ]
            .concat(),
        ),
        (
            "too few parameters",
            [&takes_one[..], &bind("", "one", &[]), &execute("", 0)].concat(),
        ),
        (
            "too many parameters",
            [&takes_one[..], &bind("", "one", &["1", "2"])].concat(),
        ),
        (
            "a parameter of another type",
            [&takes_one[..], &bind("", "one", &["x"])].concat(),
        ),
        ("too many formats of parameters", formats(&[0, 0, 0], &[])),
        ("too many formats of results", formats(&[], &[0, 0])),
        ("unknown formats", formats(&[7], &[])),
        ("unknown formats of results", formats(&[], &[9])),
        (
            "a name that is taken",
            [&takes_one[..], &takes_one].concat(),
        ),
        (
            "a portal that is taken",
            [
                parse("", "SELECT 1"),
                bind("p", "", &[]),
                bind("p", "", &[]),
            ]
            .concat(),
        ),
        (
            "two statements in one Parse",
            parse("", "SELECT 1; SELECT 2"),
        ),
        (
            "a negative row limit",
            [parse("", "SELECT 1"), bind("", "", &[]), execute("", -5)].concat(),
        ),
        ("data outside of COPY", message(b'd', b"1\n")),
        ("the end of no COPY", message(b'c', b"")),
        ("the failure of no COPY", message(b'f', b"no\0")),
        ("Sync and Sync", [sync(), sync()].concat()),
        (
            "Sync, and the end of the data",
            [sync(), message(b'd', b"a\n"), sync(), message(b'c', b"")].concat(),
        ),
        ("Flush and Flush", [flush(), flush()].concat()),
        ("a query in between", query("SELECT 7")),
        ("a failing query in between", query("SELECT 1/0")),
    ]
}

/// Everything that is said until the session is at rest again or has ended. What the client goes on with ends any COPY, batch or
/// transaction.
async fn played(raw: &mut Raw, state: &[u8], misuse: &[u8]) -> Vec<String> {
    let end = [
        sync(),
        message(b'f', b"over\0"),
        sync(),
        query("ROLLBACK"),
        query("SELECT 'still here'"),
    ];
    raw.try_send(&[state, misuse, &end.concat()].concat()).await;
    let mut frames = Vec::new();
    let mut here = false;
    while let Some(frame) = raw.frame().await {
        here |= frame.tag == 'D' && frame.text() == "still here";
        frames.push(shown(&frame));
        if here && frame.tag == 'Z' {
            break;
        }
    }
    frames
}

/// A frame as its reader sees it: an error by its severity, SQLSTATE and message, as where in PostgreSQL's source it was raised is no news.
/// Nor is which message came first that has no place in a COPY: it may be one of the router's own.
fn shown(frame: &Frame) -> String {
    match frame.tag {
        'E' | 'N' => ['V', 'C', 'M', 'P']
            .iter()
            .filter_map(|field| frame.field(*field))
            .map(|field| match field.split_once(" 0x") {
                Some((before, after)) => format!(
                    "{before} {}",
                    after.trim_start_matches(|c: char| c.is_ascii_hexdigit())
                ),
                None => field,
            })
            .fold(frame.tag.to_string(), |all, next| format!("{all} {next}")),
        tag => format!("{tag} {:?}", frame.body),
    }
}

async fn compare(tide: &Tide) {
    let mut wrong = Vec::new();
    for (state, before) in states() {
        for (misuse, bytes) in misuses() {
            let expected = played(&mut tide.direct().await, &before, &bytes).await;
            let answered = played(&mut tide.raw().await, &before, &bytes).await;
            if answered != expected {
                wrong.push(format!(
                    "{misuse} {state}:\n  PostgreSQL {expected:?}\n  Tidegate   {answered:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn misuse_in_any_state_is_answered_as_by_postgresql_itself() {
    run(async {
        let setup = Setup::new("misuse").await;
        let tide = setup.oltp_pool("{ size: 1, wait: 10s }").start().await;
        compare(&tide).await;
    });
}

#[test]
fn misuse_in_a_session_of_its_own_is_answered_as_by_postgresql_itself() {
    run(async {
        let setup = Setup::new("misuse_session").await;
        let tide = setup.more("pooling: session").start().await;
        compare(&tide).await;
    });
}

#[test]
fn very_long_users_databases_and_settings_are_answered_as_by_postgresql_itself() {
    run(async {
        let setup = Setup::new("long_startup").await;
        let tide = setup.oltp_pool("{ size: 2, wait: 10s }").start().await;
        let database = tide.sides.database.as_str();
        let long = "n".repeat(9_000);
        for parameters in [
            vec![("user", &*long), ("database", database)],
            vec![("user", "app"), ("database", &long)],
            vec![("user", "app"), ("database", database), (&long, "1")],
            vec![("user", "app"), ("database", database), ("timezone", &long)],
            vec![("user", "app"), ("database", database), ("options", &long)],
        ] {
            let mut answers = Vec::new();
            let direct = format!("127.0.0.1:{}", PAIR.0.port());
            for address in [&direct, &tide.router.address] {
                let mut raw = Raw::connect(address).await;
                raw.send(&startup(3 << 16, &parameters)).await;
                let frames = raw.rest().await;
                let errors = frames.iter().filter(|frame| frame.tag == 'E');
                answers.push(errors.map(shown).collect::<Vec<_>>());
            }
            let [expected, answered] = &answers[..] else {
                unreachable!("two were asked")
            };
            assert_eq!(expected.len(), 1);
            let short: Vec<&str> = parameters
                .iter()
                .map(|(name, value)| if value.len() > 100 { *name } else { "" })
                .collect();
            assert_eq!(answered, expected, "{short:?}");
        }
        // As settings of a session they are refused or kept, and nobody else's.
        let (mut anna, mut bob, mut direct) =
            (tide.raw().await, tide.raw().await, tide.direct().await);
        for text in [
            format!("SET {long} = 1"),
            format!("SET app.{long} = '{long}'"),
            format!("SHOW app.{long}"),
            format!("SET timezone = '{long}'"),
            format!("SET ROLE {long}"),
            format!("SELECT current_setting('{long}', true)"),
        ] {
            let [expected, answered] = [direct.query(&text).await, anna.query(&text).await]
                .map(|frames| frames.iter().map(shown).collect::<Vec<_>>());
            assert_eq!(answered, expected, "{}", &text[..20]);
            assert_eq!(values(&bob.query("SELECT 1").await), ["1"]);
        }
        let foreign = format!("SELECT coalesce(current_setting('app.{long}', true), '')");
        assert_eq!(values(&bob.query(&foreign).await), [""]);
    });
}
