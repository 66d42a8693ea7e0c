//! What the drivers' own test suites have found (tests/drivers/suites).

use crate::support::run;
use crate::support::tide::Setup;
use crate::support::wire::{Raw, bind, describe, execute, parse, startup, status, tags, values};

#[test]
fn execute_of_a_statement_made_by_the_protocol_is_described_by_that_statement() {
    run(async {
        let tide = Setup::new("execute_described")
            .await
            .oltp_pool("{ size: 1 }")
            .start()
            .await;
        for text in ["SELECT 1 AS first", "SELECT 2 AS one, 'b' AS two"] {
            let mut raw = tide.raw().await;
            let parsed = raw.batch(&[parse("named", text)]).await;
            assert_eq!(tags(&parsed), "1Z", "{text}");
            let described = raw
                .batch(&[
                    parse("", "EXECUTE named"),
                    describe('S', ""),
                    bind("", "", &[]),
                    execute("", 0),
                ])
                .await;
            assert_eq!(tags(&described), "1tT2DCZ", "{text}");
            let columns = &described[2].body[..2];
            assert_eq!(columns, &described[4].body[..2], "{text}");
            raw.query("DEALLOCATE ALL").await;
        }
    });
}

#[test]
fn a_notification_of_ones_own_has_the_process_id_of_the_login() {
    run(async {
        let tide = Setup::new("own_notification")
            .await
            .oltp_pool("{ size: 3 }")
            .start()
            .await;
        // While a database is dropped no idle connection is kept, so the login's is gone before it is used.
        let mut other = tide.raw().await;
        let name = format!("{}_dropped", tide.sides.database);
        other.query(&format!("CREATE DATABASE {name}")).await;
        other.query(&format!("DROP DATABASE {name}")).await;
        let mut raw = Raw::connect(&tide.router.address).await;
        let welcome = raw.log_in("app", &tide.sides.database).await;
        raw.query("LISTEN news").await;
        let told = raw.query("NOTIFY news, 'x'").await;
        assert_eq!(status(&told), 'I');
        let notification = told.iter().find(|frame| frame.tag == 'A');
        let notification = match notification {
            Some(frame) => frame.body.clone(),
            None => raw.frame().await.unwrap().body,
        };
        assert_eq!(notification[..4], welcome.pid.to_be_bytes());
        assert_eq!(values(&raw.query("SELECT 1").await), ["1"]);
    });
}

#[test]
fn what_the_server_remarks_at_the_login_is_passed_on() {
    run(async {
        let tide = Setup::new("login_remarks")
            .await
            .oltp_pool("{ size: 1 }")
            .start()
            .await;
        let long = "x".repeat(65);
        for _ in 0..2 {
            let mut raw = Raw::connect(&tide.router.address).await;
            let parameters = [
                ("user", "app"),
                ("database", tide.sides.database.as_str()),
                ("application_name", long.as_str()),
            ];
            raw.send(&startup(196_608, &parameters)).await;
            let greeted = raw.until_ready().await;
            let remarks: Vec<_> = greeted
                .iter()
                .filter(|frame| frame.tag == 'N')
                .map(|frame| frame.field('C'))
                .collect();
            assert_eq!(remarks, [Some("42622".to_owned())]);
        }
    });
}
