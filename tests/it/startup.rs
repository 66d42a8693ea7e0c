//! The first bytes of a connection.

use tokio_postgres::config::SslMode;

use crate::support::tide::{Setup, Tide, open};
use crate::support::tls::{self, Identity};
use crate::support::wire::{GSSENC_REQUEST, Raw, SSL_REQUEST, packet, startup, status, tags};
use crate::support::{program, run, sql};

const V3_0: u32 = 3 << 16;
const V3_2: u32 = (3 << 16) | 2;

/// A router with a certificate, which the client may or must use.
async fn with_tls(hint: &str, mode: &str) -> (Tide, Identity, tempfile::TempDir) {
    let identity = tls::identity();
    let files = [
        ("cert.pem", identity.certificate.as_str()),
        ("key.pem", &identity.key),
    ];
    let folder = program::folder(&files);
    let path = |name| program::shown(&folder.path().join(name));
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let yaml = format!("tls: {{ cert: {cert}, key: {key}, mode: {mode} }}");
    (Tide::with(hint, &yaml).await, identity, folder)
}

/// Sends bytes as the first of a connection; they must be answered by one FATAL error and a close.
async fn refused(tide: &Tide, bytes: &[u8]) -> (String, String) {
    let mut raw = Raw::connect(&tide.router.address).await;
    raw.send(bytes).await;
    let frames = raw.rest().await;
    assert_eq!(tags(&frames), "E", "{frames:?}");
    assert_eq!(frames[0].field('V').as_deref(), Some("FATAL"));
    (frames[0].sqlstate(), frames[0].field('M').unwrap())
}

#[test]
fn without_a_certificate_encryption_is_declined_and_the_client_goes_on() {
    run(async {
        let tide = Tide::start("no_tls").await;
        let mut raw = Raw::connect(&tide.router.address).await;
        raw.send(&packet(SSL_REQUEST, b"")).await;
        assert_eq!(raw.byte().await, Some('N'));
        raw.send(&packet(GSSENC_REQUEST, b"")).await;
        assert_eq!(raw.byte().await, Some('N'));
        raw.log_in("app", &tide.sides.database).await;
        assert_eq!(tags(&raw.query("SELECT 1").await), "TDCZ");
    });
}

#[test]
fn endless_encryption_requests_are_cut_off() {
    run(async {
        let tide = Tide::start("ssl_loop").await;
        let mut raw = Raw::connect(&tide.router.address).await;
        let mut declined = 0;
        for _ in 0..10 {
            if !raw.try_send(&packet(SSL_REQUEST, b"")).await {
                break;
            }
            match raw.byte().await {
                Some('N') => declined += 1,
                _ => break,
            }
        }
        assert!((1..=4).contains(&declined), "{declined}");
    });
}

#[test]
fn bytes_sent_before_the_answer_to_an_encryption_request_are_refused() {
    run(async {
        let (tide, _, _files) = with_tls("early", "allow").await;
        let login = startup(V3_0, &[("user", "app"), ("database", &tide.sides.database)]);
        for code in [SSL_REQUEST, GSSENC_REQUEST] {
            let early = [packet(code, b""), login.clone()].concat();
            let (state, message) = refused(&tide, &early).await;
            assert_eq!(state, "08P01");
            assert!(message.contains("unencrypted data"), "{message}");
        }
    });
}

#[test]
fn tls_is_used_when_the_client_asks_and_not_demanded_when_allowed() {
    run(async {
        let (tide, identity, _files) = with_tls("tls_allow", "allow").await;
        let mut config = tide.config("app");
        config.ssl_mode(SslMode::Require);
        let (client, _) = open(&config, tls::trusting(&identity)).await.expect("TLS");
        assert_eq!(
            sql::scalar(&client, "SELECT count(*) FROM orders").await,
            "100"
        );
        let plain = tide.client().await;
        assert_eq!(sql::scalar(&plain, "SELECT 1").await, "1");
        let stranger = tls::trusting(&tls::identity());
        assert!(open(&config, stranger).await.is_err(), "another root");
    });
}

#[test]
fn required_tls_keeps_plain_clients_out() {
    run(async {
        let (tide, identity, _files) = with_tls("tls_require", "require").await;
        let login = startup(V3_0, &[("user", "app"), ("database", &tide.sides.database)]);
        let (state, message) = refused(&tide, &login).await;
        assert_eq!(state, "28000");
        assert!(message.contains("TLS"), "{message}");
        let mut config = tide.config("app");
        config.ssl_mode(SslMode::Require);
        let (client, _) = open(&config, tls::trusting(&identity)).await.expect("TLS");
        assert_eq!(sql::scalar(&client, "SELECT 1").await, "1");
    });
}

#[test]
fn scram_over_tls_binds_the_channel() {
    run(async {
        let identity = tls::identity();
        let files = program::folder(&[
            ("cert.pem", &identity.certificate),
            ("key.pem", &identity.key),
        ]);
        let path = |name| program::shown(&files.path().join(name));
        let yaml = format!(
            "tls: {{ cert: {}, key: {} }}",
            path("cert.pem"),
            path("key.pem")
        );
        let auth = "{ method: scram-sha-256, users: { app: { password: sesame } } }";
        let setup = Setup::new("scram_plus").await.auth(auth).more(&yaml);
        let tide = setup.start().await;
        let mut config = tide.config("app");
        config
            .ssl_mode(SslMode::Require)
            .password("sesame")
            .channel_binding(tokio_postgres::config::ChannelBinding::Require);
        let (client, _) = open(&config, tls::trusting(&identity))
            .await
            .expect("SCRAM-PLUS");
        assert_eq!(sql::scalar(&client, "SELECT current_user").await, "app");
        config.password("wrong");
        let wrong = open(&config, tls::trusting(&identity)).await.map(drop);
        assert_eq!(sql::db(wrong.unwrap_err()).code().code(), "28P01");
    });
}

#[test]
fn protocol_3_0_has_a_key_of_four_bytes_and_no_negotiation() {
    run(async {
        let tide = Tide::start("v3_0").await;
        let mut raw = Raw::connect(&tide.router.address).await;
        let login = startup(V3_0, &[("user", "app"), ("database", &tide.sides.database)]);
        raw.send(&login).await;
        let frames = raw.until_ready().await;
        assert!(!tags(&frames).contains('v'), "{frames:?}");
        let key = frames.iter().find(|frame| frame.tag == 'K').unwrap();
        assert_eq!(key.body.len(), 4 + 4);
        assert_eq!(status(&frames), 'I');
    });
}

#[test]
fn protocol_3_2_is_spoken_without_negotiation_and_has_a_long_key() {
    run(async {
        let tide = Tide::start("v3_2").await;
        let mut raw = Raw::connect(&tide.router.address).await;
        let login = startup(V3_2, &[("user", "app"), ("database", &tide.sides.database)]);
        raw.send(&login).await;
        let frames = raw.until_ready().await;
        assert!(!tags(&frames).contains('v'), "{frames:?}");
        let key = frames.iter().find(|frame| frame.tag == 'K').unwrap();
        assert_eq!(key.body.len(), 4 + 32);
        assert_eq!(tags(&raw.query("SELECT 1").await), "TDCZ");
    });
}

#[test]
fn a_newer_minor_version_is_negotiated_down() {
    run(async {
        let tide = Tide::start("v3_9999").await;
        let mut raw = Raw::connect(&tide.router.address).await;
        let parameters = [("user", "app"), ("database", &*tide.sides.database)];
        raw.send(&startup((3 << 16) | 9999, &parameters)).await;
        let frames = raw.until_ready().await;
        assert_eq!(frames[0].tag, 'v', "{frames:?}");
        assert_eq!(frames[0].body[..4], V3_2.to_be_bytes());
        assert_eq!(frames[0].body[4..], [0, 0, 0, 0]);
        assert_eq!(status(&frames), 'I');
    });
}

#[test]
fn unknown_protocol_options_are_named_back_and_not_sent_on() {
    run(async {
        let tide = Tide::start("pq_options").await;
        let mut raw = Raw::connect(&tide.router.address).await;
        let parameters = [
            ("user", "app"),
            ("_pq_.shiny", "on"),
            ("database", &*tide.sides.database),
            ("_pq_.other", ""),
        ];
        raw.send(&startup(V3_0, &parameters)).await;
        let frames = raw.until_ready().await;
        assert_eq!(frames[0].tag, 'v', "{frames:?}");
        let mut expected = V3_0.to_be_bytes().to_vec();
        expected.extend_from_slice(b"\0\0\0\x02_pq_.shiny\0_pq_.other\0");
        assert_eq!(frames[0].body, expected);
        assert_eq!(status(&frames), 'I');
    });
}

#[test]
fn other_major_versions_are_refused() {
    run(async {
        let tide = Tide::start("v2").await;
        for version in [2 << 16, 1 << 16, 4 << 16, 0, u32::MAX] {
            let login = startup(version, &[("user", "app")]);
            let (state, message) = refused(&tide, &login).await;
            assert_eq!(state, "08P01");
            assert!(message.contains("protocol"), "{message}");
        }
    });
}

#[test]
fn startup_packets_of_impossible_lengths_are_refused_without_waiting_for_them() {
    run(async {
        let tide = Tide::start("lengths").await;
        for length in [0, 1, 4, 7, 10_001, 0x7fff_ffff, u32::MAX] {
            let (state, message) = refused(&tide, &length.to_be_bytes()).await;
            assert_eq!(state, "08P01", "{length}");
            assert!(message.contains("length"), "{message}");
        }
        // One byte less than too long is taken, however slowly it comes.
        let name = "n".repeat(10_000 - 8 - 45 - tide.sides.database.len());
        let parameters = [
            ("user", "app"),
            ("database", &*tide.sides.database),
            ("application_name", &*name),
        ];
        let mut login = startup(V3_0, &parameters);
        assert!(
            login.len() <= 10_000 && login.len() > 9_900,
            "{}",
            login.len()
        );
        let mut raw = Raw::connect(&tide.router.address).await;
        let rest = login.split_off(5_000);
        raw.send(&login).await;
        raw.send(&rest).await;
        assert_eq!(status(&raw.until_ready().await), 'I');
    });
}

#[test]
fn startup_packets_that_are_no_list_of_names_and_values_are_refused() {
    run(async {
        let tide = Tide::start("layout").await;
        let bodies: [&[u8]; 6] = [
            b"",
            b"user",
            b"user\0app",
            b"user\0app\0",
            b"user\0app\0\0left over",
            b"\0\0",
        ];
        for body in bodies {
            let (state, _) = refused(&tide, &packet(V3_0, body)).await;
            assert_eq!(state, "08P01", "{body:?}");
        }
        let (state, message) = refused(&tide, &packet(V3_0, b"\0")).await;
        assert_eq!((&*state, message.contains("user")), ("28000", true));
        let mut leaves = Raw::connect(&tide.router.address).await;
        leaves.send(&[0, 0]).await;
        leaves.finish().await;
        assert_eq!(leaves.rest().await, []);
        assert_eq!(sql::scalar(&tide.client().await, "SELECT 1").await, "1");
    });
}

#[test]
fn the_database_is_the_users_name_when_left_out() {
    run(async {
        let tide = Tide::start("no_database").await;
        let mut raw = Raw::connect(&tide.router.address).await;
        raw.send(&startup(V3_0, &[("user", "app")])).await;
        let frames = raw.until_ready().await;
        let error = frames
            .iter()
            .find(|frame| frame.tag == 'E')
            .expect("no database app");
        assert_eq!(error.sqlstate(), "3D000");
        assert!(error.field('M').unwrap().contains("\"app\""));
    });
}

#[test]
fn startup_parameters_and_options_reach_the_server() {
    run(async {
        let tide = Tide::start("options").await;
        let mut config = tide.config("app");
        config
            .application_name("it's me")
            .options("-c statement_timeout=4321 -c search_path=pg_catalog");
        let (client, _) = open(&config, tokio_postgres::NoTls).await.unwrap();
        for (setting, value) in [
            ("application_name", "it's me"),
            ("statement_timeout", "4321ms"),
            ("search_path", "pg_catalog"),
        ] {
            assert_eq!(
                sql::scalar(&client, &format!("SHOW {setting}")).await,
                value
            );
        }
    });
}

#[test]
fn the_router_listens_on_a_unix_socket_too() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".s.PGSQL.6432");
        let setup = Setup::new("unix").await;
        let listen = format!("listen: [\"127.0.0.1:0\", \"unix:{}\"]", path.display());
        let yaml = setup.yaml().replace("listen: 127.0.0.1:0", &listen);
        let router = crate::support::router::Router::start(&yaml).await;
        let mut config = tokio_postgres::Config::new();
        config
            .host_path(folder.path())
            .port(6432)
            .user("app")
            .dbname(&setup.sides().database);
        let (client, _) = open(&config, tokio_postgres::NoTls).await.expect("a login");
        assert_eq!(
            sql::scalar(&client, "SELECT count(*) FROM orders").await,
            "100"
        );
        drop(router);
        crate::support::eventually("the socket is removed", || async { !path.exists() }).await;
    });
}
