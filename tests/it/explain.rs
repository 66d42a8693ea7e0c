//! Asking over HTTP and on the command line, and the rules that were tried.

use serde_json::{Value, json};

use crate::support::program::{self, folder, shown};
use crate::support::tide::Tide;
use crate::support::{http, run, sql};

const RULES: &str = "routes:
  - { name: boards, relations: [orders], users: [bi_*], to: analytic }
  - { name: dash, relations: ['*'], databases: [nowhere], to: analytic }
  - { name: sums, relations: [products], shape: aggregate, to: analytic }
  - { name: wide, relations: [customers], to: analytic }";

async fn asked(address: &str, question: &Value) -> (u16, Value) {
    let (status, body) = http::post(
        address,
        "/api/explain",
        "application/json",
        &question.to_string(),
    )
    .await;
    (status, serde_json::from_str(&body).expect("JSON"))
}

/// What was tried for a statement's only relation: rule, whether it matched, why.
fn tried(explained: &Value) -> Vec<(String, bool, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tried = explained["relations"][0]["tried"].as_array().unwrap();
    tried
        .iter()
        .map(|one| {
            (
                text(&one["rule"]),
                one["matched"].as_bool().unwrap(),
                text(&one["why"]),
            )
        })
        .collect()
}

#[test]
fn the_api_the_command_and_the_session_give_the_same_answer() {
    run(async {
        let tide = Tide::with("api_explain", RULES).await;
        let folder = folder(&[("router.yaml", &tide.yaml)]);
        let file = shown(&folder.path().join("router.yaml"));
        let client = tide.client().await;
        let sql = "select * from orders; insert into orders values (1); select sum(price) from products; select 1";
        let (status, told) = asked(&tide.router.http, &json!({ "sql": sql })).await;
        assert_eq!(status, 200, "{told}");
        let command = program::run(&["explain", "-c", &file, "--json", sql]).await;
        let lines = command
            .out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        let mut lines: Vec<Value> = lines.collect();
        let mut told = told.as_array().unwrap().clone();
        for one in told.iter_mut().chain(&mut lines) {
            assert!(one["took_ns"].as_u64().unwrap() > 0);
            one["took_ns"] = Value::Null;
        }
        assert_eq!(told.len(), 4);
        assert_eq!(told, lines);
        for one in told {
            let (target, reason) = sql::route(&client, one["statement"].as_str().unwrap()).await;
            assert_eq!(
                (
                    one["target"].as_str().unwrap_or(""),
                    one["reason"].as_str().unwrap()
                ),
                (&*target, &*reason)
            );
        }
        assert_eq!(
            sql::scalar(&tide.sides.analytic().await, "select count(*) from orders").await,
            "100"
        );
    });
}

#[test]
fn the_session_is_that_of_the_question() {
    run(async {
        let tide = Tide::with("api_session", RULES).await;
        sql::exec(
            &tide.sides.analytic().await,
            "CREATE SCHEMA lake; CREATE TABLE lake.notes (id int)",
        )
        .await;
        tide.router.reload(&tide.yaml).await;
        let one = async |question: Value| {
            let (status, told) = asked(&tide.router.http, &question).await;
            assert_eq!(status, 200, "{told}");
            told[0].clone()
        };
        let told = one(json!({ "sql": "table orders", "user": "bi_anna" })).await;
        assert_eq!(told["rule"], "routes[0] boards");
        let told = one(json!({ "sql": "table orders", "user": null })).await;
        assert_eq!(
            (&told["rule"], &told["target"]),
            (&Value::Null, &"analytic".into())
        );
        let told = one(json!({ "sql": "table notes", "search_path": "lake" })).await;
        assert_eq!(
            (&told["target"], &told["reads"][0]),
            (&"analytic".into(), &"lake.notes".into())
        );
        let told = one(json!({ "sql": "table orders", "database": "nowhere" })).await;
        assert_eq!(told["rule"], "routes[1] dash");
    });
}

#[test]
fn every_rule_that_was_tried_says_why_it_did_or_did_not_decide() {
    run(async {
        let tide = Tide::with("tried", RULES).await;
        let one = async |sql: &str| {
            let (_, told) = asked(&tide.router.http, &json!({ "sql": sql, "user": "app" })).await;
            told[0].clone()
        };
        let database = &tide.sides.database;
        let passed = |rule: &str, why: &str| (rule.to_owned(), false, why.to_owned());
        let not_here = passed(
            "routes[1] dash",
            &format!("none of its databases fits \"{database}\""),
        );

        let told = one("select * from orders").await;
        assert_eq!(
            tried(&told),
            [
                passed("routes[0] boards", "none of its users fits \"app\""),
                not_here.clone(),
                passed("routes[2] sums", "none of its relations fits"),
                passed("routes[3] wide", "none of its relations fits"),
            ]
        );
        let relation = &told["relations"][0];
        assert_eq!(
            (
                &relation["name"],
                &relation["home"],
                &relation["access"],
                &relation["backends"]
            ),
            (
                &"public.orders".into(),
                &"analytic".into(),
                &"read".into(),
                &json!(["analytic"])
            )
        );

        let told = one("select * from products where id = 1").await;
        let (rule, matched, why) = tried(&told).pop().unwrap();
        assert_eq!((&*rule, matched), ("routes[2] sums", true));
        assert_eq!(
            why,
            "mirrored, and stays: the rule sends shape aggregate, this is point"
        );
        assert_eq!(
            (&told["shape"], &told["target"]),
            (&"point".into(), &"oltp".into())
        );
        assert_eq!(
            told["relations"][0]["backends"],
            json!(["oltp", "analytic"])
        );

        let told = one("select * from customers").await;
        assert_eq!(
            tried(&told).pop().unwrap(),
            passed(
                "routes[3] wide",
                "by its catalog \"analytic\" does not have the relation"
            )
        );
        assert_eq!(tried(&one("select * from pg_class").await), []);
        assert_eq!(
            one("select * from pg_temp.x").await["relations"][0]["home"],
            "temporary"
        );
    });
}

#[test]
fn bad_questions_are_told_what_is_wrong_and_forms_are_not_taken() {
    run(async {
        let tide = Tide::start("api_bad").await;
        let address = &tide.router.http;
        let many = json!({ "sql": "select 1;".repeat(101) }).to_string();
        for (body, words) in [
            ("", "body"),
            ("{", "body"),
            ("[]", "body"),
            ("{}", "sql"),
            (r#"{"sql": 1}"#, "string"),
            (r#"{"sql": ""}"#, "no statement"),
            (r#"{"sql": " ; -- nothing"}"#, "no statement"),
            (r#"{"sql": "select 1", "usr": "x"}"#, "usr"),
            (&*many, "more than 100"),
        ] {
            let (status, told) =
                http::post(address, "/api/explain", "application/json", body).await;
            assert_eq!(status, 400, "{body}: {told}");
            let told: Value = serde_json::from_str(&told).expect("JSON");
            assert!(
                told["error"].as_str().unwrap().contains(words),
                "{body}: {told}"
            );
        }
        let good = r#"{"sql": "select 1"}"#;
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "",
        ] {
            let (status, told) = http::post(address, "/api/explain", kind, good).await;
            assert_eq!(status, 415, "{kind}: {told}");
            assert!(told.contains("application/json"), "{told}");
        }
        let (status, _) = http::post(
            address,
            "/api/explain",
            "Application/JSON; charset=utf-8",
            good,
        )
        .await;
        assert_eq!(status, 200);
        let long = json!({ "sql": format!("select '{}'", "x".repeat(300_000)) }).to_string();
        let (status, told) = http::post(address, "/api/explain", "application/json", &long).await;
        assert_eq!(status, 413, "{told}");
        assert_eq!(http::get(address, "/api/explain").await.0, 405);
    });
}
