//! Is the client who it says it is?
//!
//! Trust, or SCRAM-SHA-256 with `pgwire`'s server over verifiers that are computed once per configuration. A user who does not exist
//! goes through the same exchange with a verifier nobody can match, so that neither time nor text tells
//! which names exist (<https://www.postgresql.org/docs/15/sasl-authentication.html>).

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use bytes::BytesMut;
use pgwire::api::auth::sasl::scram::{
    SCRAM_ITERATIONS, ScramSecret, ScramServerAuth, ScramServerAuthWaitingForClientFinal,
    gen_salted_password,
};
use secrecy::ExposeSecret;

use crate::config::{Auth, AuthMethod};
use crate::error::ClientError;
use crate::protocol::compose;
use crate::protocol::frame::Body;
use crate::protocol::sqlstate::INVALID_PASSWORD;

const SCRAM: &str = "SCRAM-SHA-256";
const SCRAM_PLUS: &str = "SCRAM-SHA-256-PLUS";

/// Who may log in, prepared.
pub struct Authenticator {
    method: AuthMethod,
    open_to_all: bool,
    verifiers: BTreeMap<String, Verifier>,
    mock_salts: [RandomState; 2],
    plain: ScramServerAuth,
    bound: Option<ScramServerAuth>,
}

#[derive(Clone)]
struct Verifier {
    salt: Vec<u8>,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

impl Verifier {
    fn of(password: &str) -> Self {
        let salt = rand::random::<[u8; 16]>().to_vec();
        let salted = gen_salted_password(password, &salt, SCRAM_ITERATIONS);
        match ScramSecret::verifier_from_salted_password(salt, salted, SCRAM_ITERATIONS) {
            ScramSecret::Verifier {
                salt,
                stored_key,
                server_key,
                ..
            } => Self {
                salt,
                stored_key,
                server_key,
            },
            ScramSecret::SaltedPassword { salt, .. } => Self {
                salt,
                stored_key: vec![0; 32],
                server_key: vec![0; 32],
            },
        }
    }

    fn secret(&self) -> ScramSecret {
        ScramSecret::Verifier {
            salt: self.salt.clone(),
            iterations: SCRAM_ITERATIONS,
            stored_key: self.stored_key.clone(),
            server_key: self.server_key.clone(),
        }
    }
}

impl Authenticator {
    /// Prepares the users of a configuration. With a certificate, channel binding is offered on TLS connections.
    ///
    /// # Errors
    /// When the certificate's signature algorithm has no hash for channel binding.
    pub fn new(auth: &Auth, certificate_pem: Option<&Vec<u8>>) -> Result<Self, String> {
        let mut verifiers = BTreeMap::new();
        for (name, user) in &auth.users {
            let password = user
                .password
                .as_ref()
                .filter(|_| auth.method == AuthMethod::ScramSha256);
            let secret = password.map_or_else(String::new, |p| p.expose_secret().to_owned());
            verifiers.insert(name.clone(), Verifier::of(&secret));
        }
        let bound = certificate_pem.and_then(|pem| {
            let mut bound = ScramServerAuth::new();
            bound.configure_certificate(pem).ok().map(|()| bound)
        });
        let mock_salts = [RandomState::new(), RandomState::new()];
        Ok(Self {
            method: auth.method,
            open_to_all: auth.users.is_empty(),
            verifiers,
            mock_salts,
            plain: ScramServerAuth::new(),
            bound,
        })
    }

    /// A verifier that no password matches. Its salt is always the same for one name, as a real user's is.
    fn mock(&self, user: &str) -> Verifier {
        let salt = self
            .mock_salts
            .iter()
            .flat_map(|state| state.hash_one(user).to_be_bytes());
        Verifier {
            salt: salt.collect(),
            stored_key: vec![0; 32],
            server_key: vec![0; 32],
        }
    }

    /// Starts to authenticate a user. `Ok(None)` means that nothing needs to be asked.
    ///
    /// # Errors
    /// With `trust`, when users are listed and this one is not.
    pub fn begin(
        &self,
        user: &str,
        tls: bool,
        out: &mut BytesMut,
    ) -> Result<Option<Exchange>, ClientError> {
        match self.method {
            AuthMethod::Trust if self.open_to_all || self.verifiers.contains_key(user) => Ok(None),
            AuthMethod::Trust => Err(refused(user)),
            AuthMethod::ScramSha256 => {
                let bound = self.bound.clone().filter(|_| tls);
                let offered: &[&str] = if bound.is_some() {
                    &[SCRAM_PLUS, SCRAM]
                } else {
                    &[SCRAM]
                };
                compose::put_sasl(out, offered);
                let verifier = self
                    .verifiers
                    .get(user)
                    .cloned()
                    .unwrap_or_else(|| self.mock(user));
                let (plain, user) = (self.plain.clone(), user.to_owned());
                Ok(Some(Exchange {
                    user,
                    verifier,
                    plain,
                    bound,
                    waiting: None,
                }))
            }
        }
    }
}

/// One client's SCRAM exchange.
pub struct Exchange {
    user: String,
    verifier: Verifier,
    plain: ScramServerAuth,
    bound: Option<ScramServerAuth>,
    waiting: Option<ScramServerAuthWaitingForClientFinal>,
}

impl Exchange {
    /// Answers one SASL message's body. Returns whether the client has proven itself.
    ///
    /// # Errors
    /// 08P01 for what is no SASL message, 28P01 for a proof that does not hold.
    pub fn answer(&mut self, body: &[u8], out: &mut BytesMut) -> Result<bool, ClientError> {
        if let Some(waiting) = self.waiting.take() {
            let done = waiting
                .on_client_final_message(body)
                .map_err(|_| refused(&self.user))?;
            compose::put_sasl_final(out, done);
            return Ok(true);
        }
        let malformed = || ClientError::protocol("malformed SCRAM message");
        let mut body = Body(body);
        let mechanism = body.cstr().ok_or_else(malformed)?;
        let length = body
            .i32()
            .and_then(|n| usize::try_from(n).ok())
            .ok_or_else(malformed)?;
        let first = body
            .bytes(length)
            .filter(|_| body.is_empty())
            .ok_or_else(malformed)?;
        let server = match (mechanism, &self.bound) {
            (name, Some(bound)) if name == SCRAM_PLUS.as_bytes() => bound,
            // A "y" flag from a client that was offered channel binding is a downgrade, which the bound server notices.
            (name, Some(bound)) if name == SCRAM.as_bytes() && first.starts_with(b"y") => bound,
            (name, _) if name == SCRAM.as_bytes() => &self.plain,
            _ => {
                return Err(ClientError::protocol(
                    "client selected an invalid SASL authentication mechanism",
                ));
            }
        };
        let begun = server.on_client_first_message_with_secret(first, self.verifier.secret());
        let (answer, waiting) = begun.map_err(|_| malformed())?;
        compose::put_sasl_continue(out, answer);
        self.waiting = Some(waiting);
        Ok(false)
    }
}

/// The one answer for a wrong password and an unknown user.
fn refused(user: &str) -> ClientError {
    let message = format!("password authentication failed for user \"{user}\"");
    ClientError::refused(INVALID_PASSWORD, message).fatal()
}
