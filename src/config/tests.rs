//! The config layer from the outside: whole files in, a `Config` or all their problems out.
//!
//! `tests/config/*.yaml` are files with faults; beside each stands what is printed for it. Run with
//! `TIDEGATE_BLESS=1` to write these again, and read the difference.

use std::{fs, io, path::Path};

use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;

const MINIMAL: &str = "backends: {oltp: {engine: postgres, url: 'postgres://app@h/app'}}";

/// The part of a file that a test of something else needs.
const TWO: &str = "\
default: oltp
backends:
  oltp: { engine: postgres, url: 'postgres://app@h/app' }
  rw: { engine: risingwave, url: 'postgres://root@h:4566/dev' }
";

fn env(name: &str) -> Option<String> {
    let value = match name {
        "OLTP_PASSWORD" | "APP_PASSWORD" => "s3cret",
        "URL" => "postgres://app:s3cret@h/app",
        "BAD_URL" => "postgres://app:s3cret@h/app?sslmode=s3cret&s3cret=s3cret",
        "SECRET" => "s3cret",
        "CIRCLE" => "${ROUND}",
        "ROUND" => "x${CIRCLE}",
        "SIZE" => "7",
        _ => return None,
    };
    Some(value.into())
}

fn read_file(path: &Path) -> io::Result<String> {
    match path.to_str() {
        Some("/run/secrets/x") => Ok("s3cret\n".into()),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

fn parse(text: &str) -> Result<Loaded, Vec<Problem>> {
    super::parse("router.yaml", text, &env, &read_file)
}

fn config(text: &str) -> Config {
    match parse(text) {
        Ok(loaded) => loaded.config,
        Err(problems) => panic!("{}", lines(&problems)),
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|p| format!("{p}\n")).collect()
}

/// Errors, or else warnings.
fn problems(text: &str) -> String {
    match parse(text) {
        Ok(loaded) => lines(&loaded.warnings),
        Err(problems) => lines(&problems),
    }
}

fn repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Compares `text` with a file of the repository, or writes it when asked to.
fn assert_committed(path: &Path, text: &str) {
    if std::env::var_os("TIDEGATE_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    let hint = format!("{}: run the tests with TIDEGATE_BLESS=1", path.display());
    assert_eq!(committed, text, "{hint}");
}

#[test]
fn faulty_files_have_all_their_problems_told() {
    let folder = repository("tests/config");
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "yaml") {
            continue;
        }
        count += 1;
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let told = match super::parse(name, &text, &env, &read_file) {
            Ok(loaded) => lines(&loaded.warnings),
            Err(problems) => lines(&problems),
        };
        assert!(!told.is_empty(), "{name} has no fault");
        assert!(!told.contains("s3cret"), "{told}");
        for line in told.lines() {
            assert!(
                line.starts_with(name),
                "one line for each problem: {line:?}"
            );
        }
        assert_committed(&path.with_extension("txt"), &told);
    }
    assert!(count >= 10, "{count}");
}

#[test]
fn the_manual_is_current() {
    assert_committed(&repository("docs/config.md"), &markdown());
}

#[test]
fn the_schema_is_current() {
    let text = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    assert_committed(&repository("docs/router.schema.json"), &text);
}

#[test]
fn the_smallest_file() {
    let config = config(MINIMAL);
    assert_eq!(
        config.listen,
        [Listen::Tcp {
            host: "127.0.0.1".into(),
            port: 6432
        }]
    );
    assert!(config.http.is_none() && config.tls.is_none() && config.hints.is_none());
    assert_eq!(config.default, 0);
    assert_eq!(config.discover, Some(Duration::from_secs(30)));
    assert_eq!(config.pooling, Pooling::Transaction);
    assert_eq!(config.auth.method, AuthMethod::Trust);
    assert_eq!(config.limits.clients, 10_000);
    assert_eq!(config.limits.login_timeout, Duration::from_secs(60));
    assert_eq!(config.limits.message_bytes, 64 << 20);
    assert_eq!(config.shutdown_grace, Duration::from_secs(30));
    assert_eq!(
        config.log,
        Log {
            format: LogFormat::Text,
            level: "info".into(),
            sql: false
        }
    );
    let backend = config.default_backend();
    assert_eq!(
        (backend.access, backend.ddl),
        (AccessMode::ReadWrite, DdlMode::Forward)
    );
    let hour = Duration::from_secs(3600);
    let (wait, idle) = (Duration::from_secs(5), Duration::from_secs(600));
    assert_eq!(
        backend.pool,
        PoolLimits {
            size: 20,
            total: 90,
            per_user: 90,
            min: 0,
            wait,
            lifetime: hour,
            idle
        }
    );
    assert!(config.allows_hints("anybody") && !config.is_admin("anybody"));
}

#[test]
fn the_file_of_the_design() {
    let config = config(
        include_str!("example.yaml")
            .replace("file:/run/secrets/bi_anna", "x")
            .as_str(),
    );
    let names: Vec<&str> = config.backends.iter().map(|b| b.name.as_str()).collect();
    assert_eq!(names, ["oltp", "analytic"]);
    assert_eq!(
        config
            .default_backend()
            .url
            .password
            .as_ref()
            .unwrap()
            .expose_secret(),
        "s3cret"
    );
    assert_eq!(
        config
            .analytic()
            .map(|(index, _)| index)
            .collect::<Vec<_>>(),
        [1]
    );
    assert_eq!(config.routes[0].label(), "routes[0] dashboards");
    assert_eq!(config.routes[1].label(), "routes[1]");
    assert_eq!(config.routes[1].shape, ShapeRule::Aggregate);
    assert!(config.allows_hints("bi_x") && !config.allows_hints("eve"));
    assert!(config.is_admin("dba") && !config.is_admin("bi_x"));
    let debug = format!("{config:?}");
    assert!(!debug.contains("s3cret"), "{debug}");
}

#[test]
fn backends_keep_the_order_of_the_file() {
    let config = config(
        "default: a\nbackends:\n  z: {engine: risingwave, url: 'postgres://u@h'}\n  a: {engine: postgres, url: 'postgres://u@h'}",
    );
    assert_eq!(config.backends[0].name, "z");
    assert_eq!(config.default, 1);
    assert_eq!(config.backend_index("z"), Some(0));
}

#[test]
fn later_checks_can_point_into_the_file() {
    let config = config(&format!(
        "{TWO}routes:\n  - to: rw\n    relations: [a, b]\n"
    ));
    let problem = config.locate(
        "routes[0].relations[1]",
        Severity::Error,
        "no such relation",
    );
    assert_eq!(
        problem.to_string(),
        "router.yaml:7:20: routes[0].relations[1]: no such relation"
    );
    let problem = config.locate("routes[0].users", Severity::Warning, "odd");
    assert_eq!(
        problem.to_string(),
        "router.yaml:6:5: routes[0].users: warning: odd"
    );
}

#[test]
fn secrets_come_from_variables_and_files() {
    for password in [
        "${SECRET}",
        "file:/run/secrets/x",
        "s3cret",
        "${NONE:-s3cret}",
    ] {
        let text = format!(
            "backends: {{o: {{engine: postgres, url: 'postgres://u@h', password: '{password}'}}}}"
        );
        let password = config(&text).backends[0].url.password.clone();
        assert_eq!(password.unwrap().expose_secret(), "s3cret");
    }
    let text = "backends: {o: {engine: postgres, url: '${URL}', pool: {size: '${SIZE}'}}}";
    assert_eq!(config(text).backends[0].pool.size, 7);
}

#[test]
fn open_addresses_want_authentication() {
    let open = format!("{MINIMAL}\nlisten: 0.0.0.0:6432\n");
    assert!(problems(&open).contains("router.yaml:2:9: auth: is missing, though 0.0.0.0:6432"));
    let trust = format!("{open}auth: {{method: trust}}\n");
    assert!(problems(&trust).contains("auth.method: warning: anybody who reaches 0.0.0.0:6432"));
    let scram = format!("{open}auth: {{users: {{a: {{password: x}}}}}}\n");
    assert_eq!(problems(&scram), "");
    assert_eq!(config(&scram).auth.method, AuthMethod::ScramSha256);
    assert!(problems(&format!("{MINIMAL}\nauth: {{}}")).contains("auth.users: no users"));
}

#[test]
fn dead_rules_are_told() {
    let warned = |rules: &str| problems(&format!("{TWO}routes: [{rules}]"));
    assert!(
        warned("{to: rw}, {to: oltp, relations: [a]}")
            .contains("routes[1]: warning: can never match: routes[0]")
    );
    assert!(
        warned("{name: x, to: rw, relations: ['a*']}, {name: x, to: rw, relations: [ab]}")
            .contains("same name")
    );
    assert_eq!(
        warned("{to: rw, relations: [a]}, {to: oltp, relations: [b]}, {to: rw}"),
        ""
    );
    assert_eq!(
        warned("{to: rw, shape: point}, {to: oltp, shape: aggregate}"),
        ""
    );
}

#[test]
fn every_prefix_and_every_cut_of_the_example_has_an_answer() {
    let example = include_str!("example.yaml");
    for end in (0..example.len()).step_by(7) {
        let _ = parse(&example[..end]);
    }
    let all: Vec<&str> = example.lines().collect();
    for skip in 0..all.len() {
        let kept: Vec<&str> = all
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != skip)
            .map(|(_, line)| *line)
            .collect();
        assert!(!problems(&kept.join("\n")).contains("defect in Tidegate"));
    }
}

#[test]
fn noise_does_not_fill_the_terminal() {
    let text: String = (0..5000).map(|i| format!("key{i}: x\n")).collect();
    let told = problems(&text);
    assert!(told.lines().count() <= 202);
    assert!(told.contains("more problems"));
}

#[test]
fn load_reads_files_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router.yaml");
    fs::write(folder.path().join("pw"), "s3cret\n").unwrap();
    fs::write(
        &path,
        "backends: {o: {engine: postgres, url: 'postgres://u@h', password: 'file:pw'}}",
    )
    .unwrap();
    let config = load(&path, &env).unwrap().config;
    assert_eq!(
        config.backends[0]
            .url
            .password
            .as_ref()
            .unwrap()
            .expose_secret(),
        "s3cret"
    );

    fs::write(&path, [b'#', 0xff]).unwrap();
    assert!(lines(&load(&path, &env).unwrap_err()).contains("not UTF-8"));
    fs::write(&path, "é".repeat(1024 * 1024)).unwrap();
    assert!(lines(&load(&path, &env).unwrap_err()).contains("too large"));
    let missing = folder.path().join("none.yaml");
    assert!(lines(&load(&missing, &env).unwrap_err()).contains("cannot be read"));
}

/// Pieces that make YAML which is nearly right.
fn pieces() -> impl Strategy<Value = String> {
    let words: Vec<&'static str> = include_str!("example.yaml")
        .split_inclusive([' ', '\n', ',', ':', '{', '}', '[', ']', '"'])
        .chain([
            "\n  ", "\n    ", "- ", "*a ", "&a ", "<<: ", "${", "}", "~", "!x ", "? ", "|\n", "> ",
            "'", "---\n", "s3cret",
        ])
        .collect();
    proptest::collection::vec(proptest::sample::select(words), 0..60).prop_map(|w| w.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_have_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_text_has_an_answer(text in "[-a-z0-9:{}\\[\\],&*!|>'\"%@`#?<~$ \t\r\n\u{feff}é]{0,120}") {
        let _ = parse(&text);
    }

    #[test]
    fn any_nearly_right_file_has_an_answer(text in pieces()) {
        prop_assert!(!problems(&text).contains("defect in Tidegate"));
    }

    /// One line of the example replaced by something else: the rest is still read.
    #[test]
    fn a_changed_line_has_an_answer(at in 0usize..60, key in "[a-z_]{1,12}", value in pieces()) {
        let mut all: Vec<String> = include_str!("example.yaml").lines().map(str::to_owned).collect();
        if let Some(line) = all.get_mut(at) {
            let indent = line.len() - line.trim_start().len();
            let own = line.split_once(':').map_or(key, |(own, _)| own.trim().to_owned());
            *line = format!("{}{own}: {}", " ".repeat(indent), value.replace('\n', " "));
        }
        prop_assert!(!problems(&all.join("\n")).contains("defect in Tidegate"));
    }

    /// Whatever is wrong around it, a password is not repeated.
    #[test]
    fn no_message_repeats_a_secret(before in pieces(), url in "[a-z:/?@%=&]{0,12}") {
        let text = format!(
            "{TWO}auth: {{users: {{app: {{password: hunter2}}}}}}\ntls: {{cert: x}}\nhttp: ${{HUNTER}}\n\
             pooling: ${{HUNTER}}\nx: {}\nbackends2: 1", before.replace('\n', " "));
        let text = text.replace("app@h", &format!("app:hunter2{url}@h"));
        let hunter = |name: &str| (name == "HUNTER").then(|| "hunter2".to_owned());
        let told = match super::parse("f", &text, &hunter, &read_file) {
            Ok(loaded) => format!("{:?}{}", loaded.config, lines(&loaded.warnings)),
            Err(problems) => format!("{problems:?}{}", lines(&problems)),
        };
        prop_assert!(!told.contains("hunter2"), "{}", told);
    }
}
