//! Which database a client's name leads to, and that idle connections stand in nobody's way.

use super::{narrow, one};
use crate::support::run;
use crate::support::tide::Setup;
use crate::support::wire::{Raw, completed, message, sqlstates, startup};

#[test]
fn databases_go_by_the_clients_name_or_are_mapped() {
    run(async {
        let setup = Setup::new("mapped").await;
        let database = setup.sides().database.clone();
        let tide = setup
            .more(&format!(
                "databases: [{{ name: 'shop_*', to: {database} }}]"
            ))
            .start()
            .await;
        let mut raw = Raw::connect(&tide.router.address).await;
        raw.log_in("app", "shop_eu").await;
        assert_eq!(one(&mut raw, "SELECT current_database()").await, database);
        // As a test runner does it: made, used, left, and dropped, with idle connections in between.
        let fresh = format!("{database}_test");
        for _ in 0..3 {
            let frames = raw.query(&format!("CREATE DATABASE {fresh}")).await;
            assert_eq!(sqlstates(&frames), Vec::<String>::new(), "{frames:?}");
            let mut tester = Raw::connect(&tide.router.address).await;
            tester.log_in("app", &fresh).await;
            tester.query("CREATE TABLE t (a int)").await;
            tester.send(&message(b'X', b"")).await;
            drop(tester);
            let copied = raw
                .query(&format!("CREATE DATABASE {fresh}_2 TEMPLATE {fresh}"))
                .await;
            assert_eq!(sqlstates(&copied), Vec::<String>::new(), "{copied:?}");
            for name in [format!("{fresh}_2"), fresh.clone()] {
                let frames = raw.query(&format!("DROP DATABASE {name}")).await;
                assert_eq!(sqlstates(&frames), Vec::<String>::new(), "{frames:?}");
            }
        }
        let mut gone = Raw::connect(&tide.router.address).await;
        gone.send(&startup(3 << 16, &[("user", "app"), ("database", &fresh)]))
            .await;
        assert_eq!(sqlstates(&gone.rest().await), ["3D000"]);
    });
}

#[test]
fn logins_have_homes_again_once_a_database_was_altered() {
    run(async {
        let tide = narrow("altered", 3).await;
        let mut other = tide.raw().await;
        let alter = format!(
            "ALTER DATABASE {} SET work_mem TO '5MB'",
            tide.sides.database
        );
        assert_eq!(completed(&other.query(&alter).await), ["ALTER DATABASE"]);
        let mut raw = Raw::connect(&tide.router.address).await;
        let welcome = raw.log_in("app", &tide.sides.database).await;
        let pid = one(&mut raw, "SELECT pg_backend_pid()").await;
        assert_eq!(pid, welcome.pid.to_string());
    });
}
