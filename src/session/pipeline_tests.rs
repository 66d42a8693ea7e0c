//! How replies are matched to what was asked.

use bytes::Bytes;

use super::pipeline::*;

fn extended(side: Side) -> Pipeline {
    let mut pipeline = Pipeline::default();
    for expect in [
        Expect::Parse,
        Expect::Bind,
        Expect::Describe,
        Expect::Execute,
        Expect::Sync,
    ] {
        pipeline.push(expect, side, To::Client);
    }
    pipeline
}

fn feed(pipeline: &mut Pipeline, tags: &[u8]) {
    for tag in tags {
        match pipeline.judge(*tag) {
            Verdict::Ends => drop(pipeline.pop()),
            Verdict::Within => {}
            Verdict::Unexpected => panic!("unexpected {:?}", *tag as char),
        }
    }
}

#[test]
fn only_what_no_sync_follows_needs_a_flush() {
    let mut pipeline = extended(Side::Oltp);
    assert!(!pipeline.may_be_kept_back(Side::Oltp));
    pipeline.push(Expect::Parse, Side::Analytic, To::Client);
    assert!(!pipeline.may_be_kept_back(Side::Oltp));
    assert!(pipeline.may_be_kept_back(Side::Analytic));
    pipeline.push(Expect::Query, Side::Analytic, To::Session);
    assert!(!pipeline.may_be_kept_back(Side::Analytic));
    pipeline.push(Expect::Bind, Side::Oltp, To::Client);
    assert!(pipeline.may_be_kept_back(Side::Oltp));
}

#[test]
fn a_batch_is_answered_message_by_message() {
    let mut pipeline = extended(Side::Oltp);
    feed(&mut pipeline, b"12TDDDCZ");
    assert!(pipeline.is_empty());
}

#[test]
fn an_error_skips_to_the_sync_that_was_sent() {
    let mut pipeline = extended(Side::Oltp);
    pipeline.push(Expect::Parse, Side::Oltp, To::Client);
    feed(&mut pipeline, b"1");
    assert!(!pipeline.fail().before_sync);
    assert_eq!(pipeline.front().map(|e| e.expect), Some(Expect::Sync));
    feed(&mut pipeline, b"Z1");
    assert!(pipeline.is_empty());
}

#[test]
fn an_error_before_sync_leaves_the_client_skipping() {
    let mut pipeline = Pipeline::default();
    pipeline.push(Expect::Parse, Side::Oltp, To::Client);
    pipeline.push_local(Bytes::from_static(b"x"), false);
    assert!(pipeline.fail().before_sync);
    assert!(pipeline.is_empty());
}

#[test]
fn a_query_that_fails_still_owes_readiness() {
    let mut pipeline = Pipeline::default();
    pipeline.push(Expect::Query, Side::Oltp, To::Client);
    assert!(!pipeline.fail().before_sync);
    feed(&mut pipeline, b"Z");
    assert!(pipeline.is_empty());
}

#[test]
fn local_answers_wait_for_their_turn() {
    let mut pipeline = Pipeline::default();
    pipeline.push(Expect::Parse, Side::Oltp, To::Client);
    pipeline.push_local(Bytes::from_static(b"local"), false);
    assert_eq!(pipeline.take_local(), None);
    feed(&mut pipeline, b"1");
    assert_eq!(pipeline.take_local(), Some(Bytes::from_static(b"local")));
    assert!(pipeline.is_empty());
}

#[test]
fn syncs_behind_a_copy_are_not_answered() {
    let mut pipeline = Pipeline::default();
    pipeline.push(Expect::Execute, Side::Oltp, To::Client);
    pipeline.push(Expect::Sync, Side::Oltp, To::Client);
    assert_eq!(pipeline.judge(b'G'), Verdict::Within);
    pipeline.begin_copy_in();
    feed(&mut pipeline, b"C");
    assert!(pipeline.is_empty());
}

#[test]
fn what_no_message_asked_for_is_unexpected() {
    let mut pipeline = extended(Side::Analytic);
    assert_eq!(pipeline.judge(b'2'), Verdict::Unexpected);
    assert_eq!(pipeline.judge(b'Z'), Verdict::Unexpected);
    pipeline.clear();
    assert_eq!(pipeline.judge(b'1'), Verdict::Unexpected);
}

#[test]
fn a_lost_side_takes_only_its_own_replies_with_it() {
    let mut pipeline = extended(Side::Analytic);
    pipeline.push(Expect::Query, Side::Oltp, To::Client);
    let lost = pipeline.lose(Side::Analytic);
    assert_eq!((lost.readies, lost.open, lost.in_string), (1, false, false));
    assert_eq!(pipeline.front().map(|e| e.side), Some(Side::Oltp));
}
