use super::*;
use crate::sql::facts;

fn session_of(text: &str) -> SessionEffect {
    let facts = facts(text.as_bytes());
    assert_ne!(facts.effect, Effect::Unknown, "{text}");
    facts.session
}

fn control(text: &str) -> TransactionControl {
    let facts = facts(text.as_bytes());
    assert_eq!(facts.effect, Effect::Transaction, "{text}");
    match facts.session {
        SessionEffect::Transaction(control) => control,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn transactions_begin_with_modes_in_any_order() {
    use TransactionControl::Begin;
    assert_eq!(control("BEGIN"), Begin(TransactionModes::default()));
    assert_eq!(control("begin work;"), Begin(TransactionModes::default()));
    let all = TransactionModes {
        isolation: Some(Isolation::RepeatableRead),
        read_only: Some(true),
        deferrable: Some(false),
    };
    for text in [
        "START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY, NOT DEFERRABLE",
        "BEGIN READ ONLY NOT DEFERRABLE ISOLATION LEVEL REPEATABLE READ",
        "begin transaction not deferrable, isolation level /* x */ repeatable read read only",
    ] {
        assert_eq!(control(text), Begin(all), "{text}");
    }
}

#[test]
fn transactions_end() {
    use TransactionControl::*;
    for text in [
        "commit",
        "END",
        "commit work",
        "end transaction and no chain",
    ] {
        assert_eq!(control(text), Commit { chain: false }, "{text}");
    }
    assert_eq!(control("commit and chain"), Commit { chain: true });
    assert_eq!(control("abort"), Rollback { chain: false });
    assert_eq!(
        control("rollback transaction and chain"),
        Rollback { chain: true }
    );
    assert_eq!(control("savepoint \"A b\""), Savepoint("A b".into()));
    assert_eq!(control("release savepoint S1"), Release("s1".into()));
    assert_eq!(control("release savepoint"), Release("savepoint".into()));
    assert_eq!(control("rollback to s1"), RollbackTo("s1".into()));
    assert_eq!(
        control("rollback work to savepoint s1"),
        RollbackTo("s1".into())
    );
    assert_eq!(control("prepare transaction 'x'"), PrepareTransaction);
    assert_eq!(control("commit prepared 'x'"), CommitPrepared);
    assert_eq!(control("rollback prepared 'x'"), RollbackPrepared);
    let serializable = TransactionModes {
        isolation: Some(Isolation::Serializable),
        ..TransactionModes::default()
    };
    assert_eq!(
        control("set transaction isolation level serializable"),
        SetTransaction(serializable)
    );
    assert_eq!(
        control("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE"),
        SetCharacteristics(serializable)
    );
}

#[test]
fn settings() {
    let set = |text: &str, name: &str, value: Option<&str>, local: bool| {
        let expected = SessionEffect::Set {
            name: name.into(),
            value: value.map(str::to_owned),
            local,
        };
        assert_eq!(session_of(text), expected, "{text}");
    };
    set(
        "SET search_path TO a, \"B\"",
        "search_path",
        Some("a, \"B\""),
        false,
    );
    set(
        "set session Statement_Timeout = 5000 ;",
        "statement_timeout",
        Some("5000"),
        false,
    );
    set(
        "set local myapp.user_id = '42'",
        "myapp.user_id",
        Some("'42'"),
        true,
    );
    set(
        "set extra_float_digits = -3",
        "extra_float_digits",
        Some("-3"),
        false,
    );
    set("set x to default", "x", None, false);
    set("set time zone 'UTC'", "timezone", Some("'UTC'"), false);
    set("set local time zone local", "timezone", None, true);
    set(
        "set time zone interval '-08:00' hour to minute",
        "timezone",
        Some("interval '-08:00' hour to minute"),
        false,
    );
    set("set names 'utf8'", "client_encoding", Some("'utf8'"), false);
    set("set names", "client_encoding", None, false);
    set("set schema 'x'", "search_path", Some("'x'"), false);
    set("set role admin", "role", Some("admin"), false);
    set("set local role none", "role", Some("none"), true);
    set("set role = 'x'", "role", Some("'x'"), false);
    set(
        "set session authorization bob",
        "session_authorization",
        Some("bob"),
        false,
    );
    set(
        "set local session authorization default",
        "session_authorization",
        None,
        true,
    );
    set(
        "set tidegate.to = analytic",
        "tidegate.to",
        Some("analytic"),
        false,
    );
    set(
        "set streaming_parallelism = bounded(4)",
        "streaming_parallelism",
        Some("bounded(4)"),
        false,
    );
}

#[test]
fn the_rest_of_the_session() {
    use SessionEffect::{
        Close, Deallocate, Execute, ExplainRoute, Fetch, Listen, Load, Reset, Show, Unlisten,
    };
    assert_eq!(session_of("reset all"), Reset(None));
    assert_eq!(
        session_of("reset Search_Path"),
        Reset(Some("search_path".into()))
    );
    assert_eq!(session_of("show all"), Show(None));
    assert_eq!(session_of("SHOW TIME ZONE"), Show(Some("timezone".into())));
    assert_eq!(session_of("SHOW TABLES"), Show(Some("tables".into())));
    assert_eq!(
        session_of("show create table Orders"),
        Show(Some("create table orders".into()))
    );
    assert_eq!(
        session_of("show tidegate.last_route"),
        Show(Some("tidegate.last_route".into()))
    );
    assert_eq!(
        session_of("show transaction isolation level"),
        Show(Some("transaction_isolation".into()))
    );
    assert_eq!(
        session_of("discard temporary"),
        SessionEffect::Discard(super::Discard::Temp)
    );
    assert_eq!(session_of("execute p (1, 'a')"), Execute("p".into()));
    assert_eq!(session_of("deallocate prepare all"), Deallocate(None));
    assert_eq!(session_of("deallocate \"P\""), Deallocate(Some("P".into())));
    assert_eq!(session_of("close all"), Close(None));
    assert_eq!(session_of("listen c"), Listen);
    assert_eq!(session_of("unlisten *"), Unlisten);
    assert_eq!(session_of("load 'lib'"), Load);
    for text in [
        "fetch c",
        "fetch from c",
        "fetch next c",
        "fetch 10 from c",
        "fetch -1 in c",
        "fetch absolute -3 from c",
        "fetch forward all from c",
        "move backward 5 from c",
        "fetch all c",
        "fetch 10 from c with (timeout = '1s')",
        "fetch forward c",
    ] {
        assert_eq!(session_of(text), Fetch("c".into()), "{text}");
    }
    assert_eq!(session_of("fetch next"), Fetch("next".into()));
    let explain = |inner, verbose| ExplainRoute { inner, verbose };
    let text = "explain route select 1";
    assert_eq!(session_of(text), explain(14..22, false));
    let text = "explain route verbose select 1";
    assert_eq!(session_of(text), explain(22..30, true));
    assert_eq!(facts(b"notify c, 'x'").effect, Effect::Write);
    assert_eq!(
        facts(b"execute p(nextval('s'))").functions[0].name,
        "nextval"
    );
}

#[test]
fn anything_left_over_is_unknown() {
    for text in [
        "begin insert into orders values (1)",
        "commit orders",
        "rollback to a b",
        "savepoint",
        "set x",
        "set x = ",
        "set x = 1; select 1",
        "set transaction",
        "set transaction foo",
        "begin read only,",
        "reset",
        "discard everything",
        "execute",
        "close",
        "fetch",
        "load x",
        "listen",
        "notify c, d",
        "prepare transaction x",
        "commit prepared",
        "fetch - from c",
        "show",
        "deallocate a b",
        "set x = (select 1) + $1",
        "unlisten",
        "explain route",
    ] {
        assert_eq!(facts(text.as_bytes()).effect, Effect::Unknown, "{text}");
    }
}
