//! What does a client say before it has logged in?
//!
//! The startup packet has no tag and is the only message of which the parameters' order and bytes must
//! survive, so it is decoded here rather than with `pgwire` (which sorts and repairs them). See
//! <https://www.postgresql.org/docs/15/protocol-message-formats.html>, StartupMessage and its siblings.

use super::frame::Body;

/// `SSLRequest`'s code.
pub const SSL_REQUEST: u32 = 80_877_103;
/// `GSSENCRequest`'s code.
pub const GSSENC_REQUEST: u32 = 80_877_104;
/// `CancelRequest`'s code.
pub const CANCEL_REQUEST: u32 = 80_877_102;
/// The newest minor version of protocol 3 that the router speaks.
pub const MINOR_VERSION_MAX: u16 = 2;

/// The first packet of a connection, or one after a refused encryption request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartupPacket {
    /// Asks for TLS.
    Ssl,
    /// Asks for GSSAPI encryption.
    GssEnc,
    /// Asks to cancel what another connection runs.
    Cancel {
        /// The process id the other connection was given.
        pid: i32,
        /// Its key, 4 bytes in protocol 3.0 and up to 256 in 3.2.
        key: Vec<u8>,
    },
    /// Wants to log in.
    Startup(Startup),
}

/// A request to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Startup {
    /// The minor version of protocol 3 that was asked for.
    pub minor: u16,
    /// Parameters in the order sent, `_pq_.` options left out.
    pub parameters: Vec<(Vec<u8>, Vec<u8>)>,
    /// Protocol options (`_pq_.…`), none of which the router knows.
    pub protocol_options: Vec<String>,
}

/// A startup packet that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadStartup {
    /// Not protocol 3.
    #[error("unsupported frontend protocol {0}.{1}: server supports 3.0 to 3.2")]
    Version(u16, u16),
    /// Not a list of names and values.
    #[error("invalid startup packet layout: {0}")]
    Layout(&'static str),
}

impl Startup {
    /// The last value given for a parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&[u8]> {
        let found = self
            .parameters
            .iter()
            .rev()
            .find(|(key, _)| key == name.as_bytes());
        found.map(|(_, value)| value.as_slice())
    }
}

/// Decodes what follows the length of a startup packet.
///
/// # Errors
/// When the version is not 3 or the parameters are not pairs of strings with a final zero.
pub fn decode(body: &[u8]) -> Result<StartupPacket, BadStartup> {
    let mut body = Body(body);
    let code = body
        .i32()
        .ok_or(BadStartup::Layout("it has no version"))?
        .cast_unsigned();
    match code {
        SSL_REQUEST | GSSENC_REQUEST if !body.is_empty() => {
            Err(BadStartup::Layout("bytes follow an encryption request"))
        }
        SSL_REQUEST => Ok(StartupPacket::Ssl),
        GSSENC_REQUEST => Ok(StartupPacket::GssEnc),
        CANCEL_REQUEST => {
            let pid = body
                .i32()
                .ok_or(BadStartup::Layout("a cancel request without a process id"))?;
            let key = body.0;
            if !(4..=256).contains(&key.len()) {
                return Err(BadStartup::Layout("a cancel key has 4 to 256 bytes"));
            }
            Ok(StartupPacket::Cancel {
                pid,
                key: key.to_vec(),
            })
        }
        _ => {
            let (major, minor) = ((code >> 16) as u16, (code & 0xffff) as u16);
            if major != 3 {
                return Err(BadStartup::Version(major, minor));
            }
            parameters(body, minor).map(StartupPacket::Startup)
        }
    }
}

fn parameters(mut body: Body<'_>, minor: u16) -> Result<Startup, BadStartup> {
    let unterminated = BadStartup::Layout("expected terminator as last byte");
    let mut startup = Startup {
        minor,
        parameters: Vec::new(),
        protocol_options: Vec::new(),
    };
    loop {
        let name = body.cstr().ok_or_else(|| unterminated.clone())?;
        if name.is_empty() {
            break;
        }
        let value = body.cstr().ok_or_else(|| unterminated.clone())?;
        if name.starts_with(b"_pq_.") {
            startup
                .protocol_options
                .push(String::from_utf8_lossy(name).into_owned());
        } else {
            startup.parameters.push((name.to_vec(), value.to_vec()));
        }
    }
    if body.is_empty() {
        Ok(startup)
    } else {
        Err(unterminated)
    }
}

/// Encodes a startup packet of protocol 3.0, length included.
#[must_use]
pub fn encode(parameters: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut packet = vec![0; 4];
    packet.extend_from_slice(&(3u32 << 16).to_be_bytes());
    for (name, value) in parameters {
        packet.extend_from_slice(name);
        packet.push(0);
        packet.extend_from_slice(value);
        packet.push(0);
    }
    packet.push(0);
    finish(packet)
}

/// Encodes a cancel request, length included.
#[must_use]
pub fn encode_cancel(pid: i32, key: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; 4];
    packet.extend_from_slice(&CANCEL_REQUEST.to_be_bytes());
    packet.extend_from_slice(&pid.to_be_bytes());
    packet.extend_from_slice(key);
    finish(packet)
}

/// Encodes an SSLRequest, length included.
#[must_use]
pub fn encode_ssl_request() -> Vec<u8> {
    let mut packet = vec![0; 4];
    packet.extend_from_slice(&SSL_REQUEST.to_be_bytes());
    finish(packet)
}

fn finish(mut packet: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(packet.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    if let Some(place) = packet.first_chunk_mut::<4>() {
        *place = length;
    }
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_order_duplicates_and_bytes() {
        let given = vec![
            (b"user".to_vec(), b"\xff".to_vec()),
            (b"user".to_vec(), b"b".to_vec()),
            (b"application_name".to_vec(), b"".to_vec()),
        ];
        let packet = encode(&given);
        assert_eq!(
            packet[..4],
            u32::try_from(packet.len()).unwrap().to_be_bytes()
        );
        let Ok(StartupPacket::Startup(startup)) = decode(&packet[4..]) else {
            panic!()
        };
        assert_eq!(startup.parameters, given);
        assert_eq!(startup.parameter("user"), Some(&b"b"[..]));
        assert_eq!(startup.minor, 0);
    }

    #[test]
    fn malformed_packets_are_errors() {
        assert_eq!(
            decode(b"\0\x03\0"),
            Err(BadStartup::Layout("it has no version"))
        );
        assert_eq!(decode(b"\0\x02\0\0"), Err(BadStartup::Version(2, 0)));
        for bad in [
            &b"\0\x03\0\0"[..],
            b"\0\x03\0\0user",
            b"\0\x03\0\0user\0a",
            b"\0\x03\0\0user\0a\0",
            b"\0\x03\0\0\0x",
        ] {
            assert!(matches!(decode(bad), Err(BadStartup::Layout(_))), "{bad:?}");
        }
        assert!(decode(&[&SSL_REQUEST.to_be_bytes()[..], b"x"].concat()).is_err());
        assert!(decode(&[&CANCEL_REQUEST.to_be_bytes()[..], b"\0\0\0\x01\0"].concat()).is_err());
    }

    #[test]
    fn protocol_options_are_kept_apart() {
        let body = b"\0\x03\0\x02_pq_.x\0on\0user\0a\0\0";
        let Ok(StartupPacket::Startup(startup)) = decode(body) else {
            panic!()
        };
        assert_eq!(startup.protocol_options, ["_pq_.x"]);
        assert_eq!((startup.minor, startup.parameters.len()), (2, 1));
    }
}
