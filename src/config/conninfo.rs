//! What does a libpq URL or connection string say?
//!
//! Both forms are read as the manual has them
//! (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING>). Stricter in one
//! point: what would have to be percent-encoded must be, for a password with a bare `/`, `?` or `@`
//! would be taken for something else. No message repeats any part of the text, except the name of
//! an unknown parameter where it cannot be a piece of a password.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use secrecy::SecretString;

use super::{
    nearest::{nearest, suggest},
    url::{BackendUrl, CONNECT_TIMEOUT, Endpoint, SslMode, TargetSessionAttrs},
};

/// PostgreSQL's port.
const PORT: u16 = 5432;
/// Most servers in one URL.
const ENDPOINTS_MAX: usize = 16;
/// What a URL looks like, for messages.
pub(super) const URL_ALLOWED: &str =
    "postgres://user@host:5432/database?sslmode=prefer, or host=… port=… dbname=… user=…";

const PARAMETERS: [&str; 9] = [
    "host",
    "port",
    "dbname",
    "user",
    "password",
    "sslmode",
    "sslrootcert",
    "connect_timeout",
    "target_session_attrs",
];

/// Reads a libpq URL or connection string; the error is everything that is wrong with it.
pub(super) fn read(text: &str) -> Result<BackendUrl, Vec<String>> {
    let mut fields = Fields::default();
    let rest = text
        .strip_prefix("postgres://")
        .or_else(|| text.strip_prefix("postgresql://"));
    match rest {
        Some(rest) => fields.read_url(rest),
        None if text.contains("://") => {
            fields.wrong(format!("an unknown URL scheme; allowed: {URL_ALLOWED}"));
        }
        None if text.contains('=') => fields.read_conninfo(text),
        None => fields.wrong(format!("not a connection URL; allowed: {URL_ALLOWED}")),
    }
    fields.build()
}

/// The parameters, however they were written.
#[derive(Default)]
struct Fields {
    values: BTreeMap<&'static str, String>,
    problems: Vec<String>,
    /// Whether an unknown word could be a piece of a password.
    hushed: bool,
}

impl Fields {
    fn wrong(&mut self, message: impl Into<String>) {
        self.problems.push(message.into());
    }

    fn set(&mut self, name: &str, value: String) {
        let Some(known) = PARAMETERS.into_iter().find(|known| *known == name) else {
            let shown = !self.hushed
                && name.len() <= 32
                && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            let which = if shown && !name.is_empty() {
                format!(" `{name}`")
            } else {
                String::new()
            };
            return self.wrong(format!(
                "an unknown parameter{which}{}; allowed: {}",
                suggest(name, PARAMETERS),
                PARAMETERS.join(", ")
            ));
        };
        if value.contains(|c: char| c.is_control()) {
            return self.wrong(format!(
                "{known} has a control character in it; allowed: text"
            ));
        }
        if self.values.insert(known, value).is_some() {
            self.wrong(format!("{known} is given twice; allowed: once"));
        }
    }

    fn set_decoded(&mut self, name: &str, value: &str) {
        match decode(value) {
            Some(value) => self.set(name, value),
            None => self.wrong(
                "a % that is not followed by two hexadecimal digits that make UTF-8; allowed: %40 \
                 for @, %25 for %",
            ),
        }
    }

    /// `user:password@host:port,host:port/database?name=value&…`
    fn read_url(&mut self, rest: &str) {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        if rest.contains('@') || authority.matches('@').count() > 1 {
            return self.wrong(
                "an @ where none belongs: a special character in the user or password must be \
                 percent-encoded; allowed: %40 for @, %2F for /, %3F for ?, %3A for :",
            );
        }
        let (login, hosts) = authority.split_once('@').unwrap_or(("", authority));
        self.hushed = if login.is_empty() {
            hosts.contains(':')
        } else {
            login.contains(':')
        };
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (login, None),
        };
        if !user.is_empty() {
            self.set_decoded("user", user);
        }
        if let Some(password) = password.filter(|p| !p.is_empty()) {
            self.set_decoded("password", password);
        }
        if !hosts.is_empty() {
            self.hosts(hosts);
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let database = path.strip_prefix('/').unwrap_or(path);
        if !database.is_empty() {
            self.set_decoded("dbname", database);
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some((name, value)) => self.set_decoded(name, value),
                None => self.wrong("a parameter without a value; allowed: ?name=value&name=value"),
            }
        }
    }

    /// `host:port,[::1]:port`, kept as the two comma-separated lists that libpq knows.
    fn hosts(&mut self, text: &str) {
        let mut hosts = Vec::new();
        let mut ports = Vec::new();
        for one in text.split(',') {
            let (host, port) = match one.strip_prefix('[') {
                Some(inside) => match inside.split_once(']') {
                    Some((host, "")) => (host, ""),
                    Some((host, rest)) if rest.starts_with(':') => (host, &rest[1..]),
                    _ => return self.wrong("a [ is not closed; allowed: [::1]:5432"),
                },
                None => one.split_once(':').unwrap_or((one, "")),
            };
            hosts.push(host);
            ports.push(port);
        }
        self.set_decoded("host", &hosts.join(","));
        if ports.iter().any(|port| !port.is_empty()) {
            self.set_decoded("port", &ports.join(","));
        }
    }

    /// `name = value name = 'quoted value'`
    fn read_conninfo(&mut self, text: &str) {
        self.hushed = text.to_ascii_lowercase().contains("pass");
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let Some((name, after)) = rest.split_once('=') else {
                return self.wrong("a word without =; allowed: name=value, or name='quoted value'");
            };
            let name = name.trim_end();
            if name.is_empty() || name.contains(char::is_whitespace) {
                return self.wrong("a word without =; allowed: name=value, or name='quoted value'");
            }
            let Some((value, after)) = conninfo_value(after.trim_start()) else {
                return self.wrong("a quote is not closed; allowed: name='quoted value'");
            };
            self.set(name, value);
            rest = after.trim_start();
        }
    }

    fn take(&mut self, name: &str) -> Option<String> {
        self.values.remove(name).filter(|value| !value.is_empty())
    }

    fn word<T: Copy + Default>(&mut self, name: &'static str, words: &[(&str, T)]) -> T {
        let Some(value) = self.take(name) else {
            return T::default();
        };
        if let Some((_, found)) = words.iter().find(|(word, _)| *word == value) {
            return *found;
        }
        let allowed: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let near = nearest(&value, allowed.iter().copied());
        let near = near
            .map(|near| format!(" (did you mean `{near}`?)"))
            .unwrap_or_default();
        self.wrong(format!(
            "an unknown {name}{near}; allowed: {}",
            allowed.join(", ")
        ));
        T::default()
    }

    fn endpoints(&mut self) -> Vec<Endpoint> {
        let hosts = self.take("host").unwrap_or_default();
        let ports = self.take("port").unwrap_or_default();
        let ports: Vec<&str> = ports.split(',').collect();
        let hosts: Vec<&str> = hosts.split(',').collect();
        if hosts == [""] {
            if self.problems.is_empty() {
                self.wrong(format!("no host; allowed: {URL_ALLOWED}"));
            }
            return Vec::new();
        }
        if hosts.len() > ENDPOINTS_MAX {
            self.wrong(format!("too many hosts; allowed: {ENDPOINTS_MAX}"));
            return Vec::new();
        }
        if ports.len() != 1 && ports.len() != hosts.len() {
            self.wrong("as many ports as hosts are needed, or one for all");
            return Vec::new();
        }
        let mut endpoints = Vec::new();
        for (at, host) in hosts.iter().enumerate() {
            let port = match ports[if ports.len() == 1 { 0 } else { at }] {
                "" => Some(PORT),
                text => text.parse().ok().filter(|port| *port != 0),
            };
            let Some(port) = port else {
                self.wrong("a port that is no number from 1 to 65535 (or the user or password has a special character that must be percent-encoded)");
                continue;
            };
            if host.starts_with('/') {
                endpoints.push(Endpoint::Unix(PathBuf::from(host), port));
            } else if host.is_empty()
                || host.contains(|c: char| c.is_whitespace() || "/@[]".contains(c))
            {
                self.wrong(
                    "a host that is neither a name, an address nor an absolute socket directory",
                );
            } else {
                endpoints.push(Endpoint::Tcp {
                    host: (*host).to_owned(),
                    port,
                });
            }
        }
        endpoints
    }

    fn build(mut self) -> Result<BackendUrl, Vec<String>> {
        if !self.problems.is_empty() && self.values.is_empty() {
            return Err(self.problems);
        }
        let endpoints = self.endpoints();
        let user = self.take("user");
        let password = self.take("password").map(SecretString::from);
        let database = self.take("dbname").or_else(|| user.clone());
        if database.is_none() && self.problems.is_empty() {
            self.wrong("neither a database nor a user; allowed: postgres://user@host/database");
        }
        let connect_timeout = match self.take("connect_timeout") {
            None => CONNECT_TIMEOUT,
            Some(text) => match text.parse() {
                Ok(seconds @ 1..=3600) => Duration::from_secs(seconds),
                _ => {
                    self.wrong("connect_timeout is no number of seconds; allowed: 1 to 3600");
                    CONNECT_TIMEOUT
                }
            },
        };
        let sslmode = self.word("sslmode", &SslMode::WORDS);
        let target_session_attrs = self.word("target_session_attrs", &TargetSessionAttrs::WORDS);
        let sslrootcert = self.take("sslrootcert").map(PathBuf::from);
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        Ok(BackendUrl {
            endpoints,
            user,
            password,
            database: database.unwrap_or_default(),
            sslmode,
            sslrootcert,
            connect_timeout,
            target_session_attrs,
        })
    }
}

/// A value of a connection string, and what follows it.
fn conninfo_value(text: &str) -> Option<(String, &str)> {
    let quoted = text.strip_prefix('\'');
    let mut value = String::new();
    let body = quoted.unwrap_or(text);
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.push(chars.next()?.1),
            '\'' if quoted.is_some() => return Some((value, &body[at + 1..])),
            c if quoted.is_none() && c.is_whitespace() => return Some((value, &body[at..])),
            c => value.push(c),
        }
    }
    quoted.is_none().then_some((value, ""))
}

/// `%41` → `A`.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            let digit = |at: usize| char::from(digits[at]).to_digit(16);
            bytes.push(u8::try_from(digit(0)? * 16 + digit(1)?).ok()?);
            rest = after;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;

    fn read(text: &str) -> BackendUrl {
        super::read(text).unwrap()
    }

    fn wrong(text: &str) -> String {
        super::read(text).map(|_| ()).unwrap_err().join(" | ")
    }

    fn tcp(host: &str, port: u16) -> Endpoint {
        Endpoint::Tcp {
            host: host.into(),
            port,
        }
    }

    #[test]
    fn urls() {
        let url = read("postgres://app@127.0.0.1:5432/app");
        assert_eq!(url.endpoints, [tcp("127.0.0.1", 5432)]);
        assert_eq!(
            (url.user.as_deref(), url.database.as_str()),
            (Some("app"), "app")
        );
        assert_eq!(url.sslmode, SslMode::Prefer);
        assert_eq!(url.connect_timeout, Duration::from_secs(5));

        let url = read(
            "postgresql://a%40b:p%2Fw@h1,[::1]:6000/d%20b?sslmode=verify-full&sslrootcert=/ca.pem\
             &connect_timeout=9&target_session_attrs=read-write",
        );
        assert_eq!(url.endpoints, [tcp("h1", 5432), tcp("::1", 6000)]);
        assert_eq!(url.user.as_deref(), Some("a@b"));
        assert_eq!(url.password.as_ref().unwrap().expose_secret(), "p/w");
        assert_eq!(url.database, "d b");
        assert_eq!(url.sslmode, SslMode::VerifyFull);
        assert_eq!(url.sslrootcert, Some("/ca.pem".into()));
        assert_eq!(url.connect_timeout, Duration::from_secs(9));
        assert_eq!(url.target_session_attrs, TargetSessionAttrs::ReadWrite);
        assert!(!format!("{url:?}").contains("p/w"));

        let url = read("postgres://app@/db?host=/run/postgresql&port=5433");
        assert_eq!(
            url.endpoints,
            [Endpoint::Unix("/run/postgresql".into(), 5433)]
        );
        let url = read("postgres://app@%2Frun%2Fpg/db");
        assert_eq!(url.endpoints, [Endpoint::Unix("/run/pg".into(), 5432)]);
        assert_eq!(read("postgres://app@h").database, "app");
    }

    #[test]
    fn connection_strings() {
        let url = read(r"host=a,b port=1,2 dbname = 'my db' user=app password='it\'s'");
        assert_eq!(url.endpoints, [tcp("a", 1), tcp("b", 2)]);
        assert_eq!(url.database, "my db");
        assert_eq!(url.password.unwrap().expose_secret(), "it's");
    }

    #[test]
    fn refusals() {
        for (text, want) in [
            ("", "not a connection URL"),
            ("mysql://h/db", "unknown URL scheme"),
            ("postgres://", "no host"),
            ("postgres://h", "neither a database nor a user"),
            ("postgres://a@h:0/d", "no number from 1 to 65535"),
            (
                "postgres://a@h/d?sslmod=require",
                "unknown parameter `sslmod` (did you mean `sslmode`?)",
            ),
            ("postgres://a@h/d?sslmode=requir", "did you mean `require`?"),
            ("postgres://a@h/d?sslmode", "without a value"),
            (
                "postgres://a@h/d?sslmode=allow&sslmode=allow",
                "given twice",
            ),
            ("postgres://a@h/%zz", "hexadecimal"),
            ("postgres://a@[::1/d", "not closed"),
            ("postgres://a@h/d?connect_timeout=0", "1 to 3600"),
            ("host=a,b port=1,2,3 user=x", "as many ports as hosts"),
            ("host=a x", "without ="),
            ("host='a", "quote is not closed"),
            ("postgres://a@h/d?user=b", "user is given twice"),
        ] {
            let message = wrong(text);
            assert!(message.contains(want), "{text}: {message}");
        }
        assert_eq!(
            wrong("postgres://a@h:x/d?foo=1&sslmode=x")
                .matches(" | ")
                .count(),
            2
        );
    }

    #[test]
    fn no_message_shows_a_password() {
        for text in [
            "postgres://app:s3cret@host:port/db?foo=1",
            "postgres://app:s3cret/s3cret@host/db",
            "postgres://app:1?s3cret@host/db",
            "postgres://app:1/s3cret@host/db",
            "postgres://app:s3cret@s3cret@host/db",
            "postgres://app:s3cret",
            "postgres://app:s3cret%zz@host/db",
            "postgres://app:1?s3cret",
            "host=h user=u password=a s3cret",
            "host=h user=u password=a s3cret=x",
            "host=h user=u password='s3cret",
            "mysql://app:s3cret@host/db",
            "s3cret",
        ] {
            assert!(!wrong(text).contains("s3cret"), "{text}: {}", wrong(text));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(postgres://)?[a-z:/?@%=&, '\\\\\\[\\]0-9é]{0,40}") {
            let _ = super::read(&text);
        }

        #[test]
        fn decoding_is_total(text in "\\PC{0,20}") {
            let _ = decode(&text);
        }
    }
}
