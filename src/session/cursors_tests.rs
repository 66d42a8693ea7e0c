//! How a cursor goes forward, which names are taken, and what ends one.

use super::*;

fn key() -> Arc<StatementKey> {
    Arc::new(StatementKey {
        text: Box::from(&b"select 1"[..]),
        types: Box::new([0, 0]),
        settings: 0,
    })
}

fn cursors() -> Cursors {
    let mut cursors = Cursors::default();
    declare(&mut cursors, "c", false);
    cursors
}

fn declare(cursors: &mut Cursors, name: &str, hold: bool) -> u64 {
    cursors
        .declare(name, &key(), (b"", b""), hold)
        .expect("a free name")
}

fn plan(cursors: &mut Cursors, direction: Direction) -> Result<Plan, &'static str> {
    let moves = false;
    let cursor = cursors.get_mut("c").expect("a cursor");
    cursor
        .plan("c", Fetched { moves, direction })
        .map_err(|error| error.sqlstate)
}

fn go(skip: i32, take: i32) -> Result<Plan, &'static str> {
    Ok(Plan::Go { skip, take })
}

const NONE: Result<Plan, &str> = Ok(Plan::Nothing { counted: 0 });

#[test]
fn a_cursor_goes_forward_as_postgres_would() {
    use Direction::{Absolute, Forward, Relative};
    let mut cursors = cursors();
    assert_eq!(plan(&mut cursors, Forward(0)), NONE);
    assert_eq!(plan(&mut cursors, Absolute(0)), NONE);
    assert_eq!(plan(&mut cursors, Absolute(3)), go(2, 1));
    cursors.moved(1, 2, false);
    cursors.moved(1, 1, false);
    assert_eq!(plan(&mut cursors, Absolute(4)), go(0, 1));
    assert_eq!(plan(&mut cursors, Relative(2)), go(1, 1));
    assert_eq!(plan(&mut cursors, Forward(2)), go(0, 2));
    assert_eq!(plan(&mut cursors, Forward(ALL_ROWS)), go(0, 0));
    cursors.moved(1, 2, true);
    for direction in [
        Forward(1),
        Forward(0),
        Forward(ALL_ROWS),
        Relative(1),
        Absolute(7),
    ] {
        assert_eq!(plan(&mut cursors, direction), NONE, "{direction:?}");
    }
}

#[test]
fn rows_are_passed_over_before_one_is_taken() {
    let mut cursors = cursors();
    assert_eq!(plan(&mut cursors, Direction::Relative(3)), go(2, 1));
    cursors.get_mut("c").expect("a cursor").resume(1);
    cursors.moved(1, 2, false);
    assert_eq!(plan(&mut cursors, Direction::Relative(3)), go(0, 1));
    cursors.moved(1, 1, false);
    assert_eq!(plan(&mut cursors, Direction::Relative(3)), go(2, 1));
    cursors.get_mut("c").expect("a cursor").resume(1);
    cursors.moved(1, 1, true);
    assert_eq!(plan(&mut cursors, Direction::Relative(3)), NONE);
}

#[test]
fn a_step_back_is_the_end_of_a_cursor() {
    use Direction::{Absolute, Forward, Relative};
    for direction in [
        Forward(-1),
        Forward(-ALL_ROWS),
        Forward(0),
        Absolute(-1),
        Absolute(0),
        Absolute(3),
        Relative(0),
        Relative(-1),
    ] {
        let mut cursors = cursors();
        cursors.moved(1, 3, false);
        assert_eq!(plan(&mut cursors, direction), Err("55000"), "{direction:?}");
        let cursor = cursors.get_mut("c").expect("a cursor");
        let (moves, direction) = (false, Forward(1));
        let again = cursor.plan("c", Fetched { moves, direction });
        assert_eq!(
            again.expect_err("failed").message,
            "portal \"c\" cannot be run"
        );
    }
}

#[test]
fn a_move_of_no_rows_counts_the_row_it_stands_on() {
    let mut cursors = cursors();
    cursors.moved(1, 3, false);
    let cursor = cursors.get_mut("c").expect("a cursor");
    let (moves, direction) = (true, Direction::Forward(0));
    let plan = cursor.plan("c", Fetched { moves, direction });
    assert_eq!(plan, Ok(Plan::Nothing { counted: 1 }));
}

#[test]
fn a_name_is_taken_on_both_sides() {
    let mut cursors = cursors();
    let taken = |name: &str, cursors: &mut Cursors| {
        let declared = cursors.declare(name, &key(), (b"", b""), false);
        declared.err().map(|error| error.sqlstate)
    };
    assert_eq!(taken("c", &mut cursors), Some("42P03"));
    cursors.send_elsewhere(5, "d", false);
    assert_eq!(taken("d", &mut cursors), Some("42P03"));
    cursors.declared_elsewhere(6);
    cursors.settle();
    assert_eq!(taken("d", &mut cursors), Some("42P03"));
    cursors.send_elsewhere(7, "e", true);
    cursors.settle();
    assert_eq!(taken("e", &mut cursors), None, "it was not run");
    cursors.closed_elsewhere("d");
    assert_eq!(taken("d", &mut cursors), None);
}

#[test]
fn the_end_of_a_transaction_takes_what_is_not_held() {
    let mut cursors = cursors();
    let held = declare(&mut cursors, "h", true);
    cursors.end_transaction(false);
    assert!(cursors.get("c").is_none() && cursors.has_number(held));
    declare(&mut cursors, "i", true);
    cursors.end_transaction(true);
    assert!(
        cursors.get("h").is_some(),
        "it is of an earlier transaction"
    );
    assert!(cursors.get("i").is_none());
    cursors.close_all();
    assert!(!cursors.has_number(held));
}

#[test]
fn a_savepoint_takes_back_what_was_declared_after_it() {
    let mut cursors = cursors();
    cursors.savepoint("s");
    declare(&mut cursors, "d", false);
    cursors.savepoint("t");
    declare(&mut cursors, "e", true);
    cursors.release("t");
    cursors.rollback_to("t");
    assert!(cursors.get("e").is_some());
    cursors.rollback_to("s");
    assert!(cursors.get("c").is_some());
    assert!(cursors.get("d").is_none() && cursors.get("e").is_none());
}
