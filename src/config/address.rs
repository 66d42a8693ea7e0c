//! Where does the router listen?
//!
//! Addresses are read, not looked up: a host name that does not resolve is for the listener to tell.
//! A bare port or `*` is refused, so that nobody opens a port to the world without having said so.

use std::path::PathBuf;

use super::Listen;

/// Longest path of a Unix socket that every system takes, in bytes.
const SOCKET_PATH_BYTES_MAX: usize = 103;

/// Whether the address is among `all`. Port 0 is a new one each time.
pub(super) fn is_taken(address: &Listen, all: &[(String, Listen)]) -> bool {
    !matches!(address, Listen::Tcp { port: 0, .. }) && all.iter().any(|(_, other)| other == address)
}

/// Reads `host:port`, `[v6]:port` or `unix:/path`.
pub(super) fn listen(text: &str) -> Result<Listen, String> {
    let wrong =
        || Err("not an address; allowed: host:port, [::1]:port, unix:/absolute/path".to_owned());
    if let Some(path) = text.strip_prefix("unix:") {
        if !path.starts_with('/') || path.contains('\0') {
            return wrong();
        }
        if path.len() > SOCKET_PATH_BYTES_MAX {
            return Err(format!(
                "the path of a Unix socket is too long; allowed: {SOCKET_PATH_BYTES_MAX} bytes"
            ));
        }
        return Ok(Listen::Unix(PathBuf::from(path)));
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return wrong();
    };
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let Some(port) = port.parse().ok().filter(|_| digits) else {
        return wrong();
    };
    let host = match host.strip_prefix('[') {
        Some(inside) => match inside.strip_suffix(']') {
            Some(address) if address.parse::<std::net::Ipv6Addr>().is_ok() => address,
            _ => return wrong(),
        },
        None => host,
    };
    if host == "*" {
        return Err("* is no host; allowed: 0.0.0.0:port for IPv4, [::]:port for IPv6".into());
    }
    let bracketed = text.starts_with('[');
    let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    if !bracketed && (host.is_empty() || !host.bytes().all(name)) {
        return wrong();
    }
    Ok(Listen::Tcp {
        host: host.to_owned(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let tcp = |host: &str, port| {
            Ok(Listen::Tcp {
                host: host.into(),
                port,
            })
        };
        assert_eq!(listen("127.0.0.1:6432"), tcp("127.0.0.1", 6432));
        assert_eq!(listen("[::1]:0"), tcp("::1", 0));
        assert_eq!(listen("localhost:1"), tcp("localhost", 1));
        assert_eq!(listen("unix:/run/x"), Ok(Listen::Unix("/run/x".into())));
        for bad in [
            "", ":", "6432", ":6432", "h:", "h:99999", "h:+1", "::1:5", "[x]:1", "unix:x",
        ] {
            assert!(listen(bad).is_err(), "{bad}");
        }
        assert!(listen("*:6432").unwrap_err().contains("0.0.0.0"));
        assert!(
            listen(&format!("unix:/{}", "x".repeat(200)))
                .unwrap_err()
                .contains("too long")
        );
        for text in ["127.0.0.1:6432", "[::1]:6432", "unix:/run/x"] {
            assert_eq!(listen(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn local_addresses() {
        for (text, local) in [
            ("127.0.0.1:1", true),
            ("127.9.9.9:1", true),
            ("localhost:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("unix:/x", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("db.example:1", false),
        ] {
            assert_eq!(listen(text).unwrap().is_local(), local, "{text}");
        }
    }
}
