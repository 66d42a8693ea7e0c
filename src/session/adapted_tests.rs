//! What becomes of statements and their parameters, byte for byte, for an engine with a few types.

use super::*;
use crate::backend::engine::dialect;
use crate::config::Engine;
use crate::sql::Dialect;

fn values() -> &'static dyn Values {
    dialect(Engine::Risingwave).values().unwrap()
}

fn adapted(text: &str, types: &[u32]) -> Adapted {
    let mut sent = u16::try_from(types.len()).unwrap().to_be_bytes().to_vec();
    for oid in types {
        sent.extend_from_slice(&oid.to_be_bytes());
    }
    let own = Arc::new(StatementKey {
        text: text.as_bytes().into(),
        types: sent.into(),
        settings: 3,
    });
    Adapted::new(&own, Dialect::default(), values())
}

fn shown(key: &StatementKey) -> (&str, Vec<u32>) {
    (std::str::from_utf8(&key.text).unwrap(), oids(&key.types))
}

fn given<'a>(values: &[Option<&'a [u8]>]) -> Bind<'a> {
    Bind {
        formats: Vec::new(),
        values: values.to_vec(),
        results: Vec::new(),
    }
}

#[test]
fn what_needs_no_change_is_the_clients_own() {
    for (text, types) in [
        ("select 1", &[][..]),
        ("select $1 from t where a = $2", &[23]),
        ("select $1::int", &[0]),
    ] {
        let adapted = adapted(text, types);
        assert!(Arc::ptr_eq(&adapted.key, &adapted.own), "{text}");
        let count = adapted.wanted.len();
        let sending = adapted.bind(
            &given(&vec![None; count]),
            None,
            values(),
            Styles::default(),
        );
        let sending = sending.unwrap();
        assert!(Arc::ptr_eq(&sending.key, &adapted.own) && sending.tail.is_none());
    }
}

#[test]
fn what_a_cast_to_a_type_of_a_size_does_to_a_value_is_done_by_a_function() {
    for (text, sent) in [
        (
            "select $1::NUMERIC(12, 2) + 1",
            "select round($1::NUMERIC, 2) + 1",
        ),
        (
            "select $1::decimal(3)::text",
            "select round($1::decimal, 0)::text",
        ),
        (
            "select cast($2 as varchar(4)) from t where a = $2 limit $1",
            "select substr(cast($1 as varchar ), 1, 4) from t where a = $1 limit 1",
        ),
        (
            "select $1::timestamp(3), $2::numeric(1)[]",
            "select $1::timestamp(3), $2::numeric(1)[]",
        ),
    ] {
        assert_eq!(shown(&adapted(text, &[]).key).0, sent);
    }
}

#[test]
fn limits_leave_the_parameters_and_the_others_close_ranks() {
    let adapted = adapted(
        "select $3 from t where a = $1 or b = $3 limit $2 offset $4",
        &[25, 20, 1042],
    );
    assert_eq!(
        shown(&adapted.key),
        (
            "select $2 from t where a = $1 or b = $2 limit 1 offset 0",
            vec![25, 0]
        )
    );
    let all = [Some(&b"a"[..]), Some(b"7"), Some(b"c"), None];
    let sending = adapted
        .bind(&given(&all), None, values(), Styles::default())
        .unwrap();
    assert_eq!(
        shown(&sending.key),
        (
            "select $2 from t where a = $1 or b = $2 limit 7 offset 0",
            vec![25, 0]
        )
    );
    let tail = sending.tail.unwrap();
    assert_eq!(
        Bind::read(&tail).unwrap().values,
        [Some(&b"a"[..]), Some(b"c")]
    );
    assert!(sending.passing);
    assert_eq!(adapted.told(&[1043, 1043], values()), [25, 20, 1042, 20]);
}

#[test]
fn only_numbers_get_into_the_text() {
    let adapted = adapted("select 1 limit $1 + $2", &[]);
    let sent = |one: &str, two: &str| {
        let both = [Some(one.as_bytes()), Some(two.as_bytes())];
        let sending = adapted.bind(&given(&both), None, values(), Styles::default());
        sending.map(|sending| shown(&sending.key).0.to_owned())
    };
    assert_eq!(sent("1", "-1").unwrap(), "select 1 limit 1 + (-1)");
    assert_eq!(sent("1", "1 union select 2").unwrap_err().sqlstate, "22P02");
    let nothing = adapted.bind(
        &given(&[Some(b"1"), None]),
        None,
        values(),
        Styles::default(),
    );
    assert_eq!(shown(&nothing.unwrap().key).0, "select 1 limit 1 + NULL");
}

#[test]
fn a_cast_to_a_type_that_is_not_there_is_told_and_replaced() {
    let adapted = adapted("select $1::uuid, cast($2 as JSON), $3::uuid[]", &[]);
    let text = "select $1::varchar, cast($2 as jsonb), $3::varchar[]";
    assert_eq!(shown(&adapted.key), (text, vec![0, 0, 0]));
    let told = adapted.told(&[1043, 3802, 1015], values());
    assert_eq!(told, [2950, 114, 2951]);
    let uuid = [0x11; 16];
    let mut bind = given(&[Some(&uuid), Some(b"{}"), None]);
    bind.formats = vec![1, 0, 1];
    let tail = adapted
        .bind(&bind, None, values(), Styles::default())
        .unwrap()
        .tail
        .unwrap();
    let sent = Bind::read(&tail).unwrap();
    assert_eq!(sent.formats, [0, 0, 1]);
    let text = &b"11111111-1111-1111-1111-111111111111"[..];
    assert_eq!(sent.values, [Some(text), Some(b"{}"), None]);
}

#[test]
fn binary_values_of_open_types_wait_for_a_description() {
    let adapted = adapted("select $1, $2", &[0, 23]);
    let mut bind = given(&[Some(b"\0\0\0\0"), Some(b"\0\0\0\x01")]);
    assert!(!adapted.must_be_described(&bind, None, Styles::default()));
    bind.formats = vec![0, 1];
    assert!(!adapted.must_be_described(&bind, None, Styles::default()));
    bind.formats = vec![1];
    assert!(adapted.must_be_described(&bind, None, Styles::default()));
    let mut described = Described::default();
    assert!(adapted.must_be_described(&bind, Some(&described), Styles::default()));
    described.parameters = Some(vec![23, 23]);
    assert!(!adapted.must_be_described(&bind, Some(&described), Styles::default()));
    bind.values[0] = None;
    assert!(!adapted.must_be_described(&bind, None, Styles::default()));
    bind.results = vec![1];
    assert!(adapted.must_be_described(&bind, None, Styles::default()));
}

#[test]
fn counts_and_formats_are_checked_before_anything_is_sent() {
    let adapted = adapted("select $2, '$9'", &[]);
    let check = |values: &[Option<&[u8]>], formats: &[i16]| {
        let mut bind = given(values);
        bind.formats = formats.to_vec();
        adapted.check(&bind, b"s").err().map(|error| error.message)
    };
    let one = Some(&b"1"[..]);
    assert_eq!(check(&[one, one], &[1]), None);
    assert_eq!(
        check(&[one], &[]).as_deref(),
        Some("bind message supplies 1 parameters, but prepared statement \"s\" requires 2")
    );
    assert_eq!(
        check(&[one, one], &[0, 0, 0]).as_deref(),
        Some("bind message has 3 parameter formats but 2 parameters")
    );
    assert_eq!(
        check(&[one, one], &[2]).as_deref(),
        Some("unsupported format code: 2")
    );
}
