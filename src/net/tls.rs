//! How is a peer's identity checked, and ours shown?
//!
//! Towards backends the meaning of `sslmode` is libpq's (<https://www.postgresql.org/docs/15/libpq-ssl.html>): `require` encrypts
//! and checks nothing, `verify-ca` checks the chain, `verify-full` the host name too. The provider is always named
//! (`ring`), since rustls panics on an implicit default when a dependency compiles in a second one.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore};
use rustls::{ServerConfig, SignatureScheme};
use tokio_rustls::rustls;

use crate::config::SslMode;

/// TLS for clients: the acceptor, and the certificate for channel binding.
#[derive(Clone)]
pub struct ServerTls {
    /// Accepts handshakes.
    pub acceptor: tokio_rustls::TlsAcceptor,
    /// The certificates in PEM, as SCRAM-SHA-256-PLUS needs the first of them.
    pub certificate_pem: Arc<Vec<u8>>,
}

/// Reads the certificate and key shown to clients.
///
/// # Errors
/// One line that names the file and what is wrong with it.
pub fn server(cert: &Path, key: &Path) -> Result<ServerTls, String> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|e| format!("cannot read \"{}\": {e}", path.display()))
    };
    let certificate_pem = read(cert)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&certificate_pem)
        .collect::<Result<_, _>>()
        .map_err(|e| format!("\"{}\" is not a PEM certificate: {e}", cert.display()))?;
    if chain.is_empty() {
        return Err(format!("\"{}\" holds no PEM certificate", cert.display()));
    }
    let private = PrivateKeyDer::from_pem_slice(&read(key)?)
        .map_err(|e| format!("\"{}\" is not a PEM private key: {e}", key.display()))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(chain, private)
        })
        .map_err(|e| {
            format!(
                "\"{}\" and \"{}\" do not fit: {e}",
                cert.display(),
                key.display()
            )
        })?;
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    Ok(ServerTls {
        acceptor,
        certificate_pem: Arc::new(certificate_pem),
    })
}

/// TLS towards a backend, for every mode but `disable`.
///
/// # Errors
/// One line that names the root certificates that could not be read.
pub fn client(mode: SslMode, root: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    let verifier: Arc<dyn ServerCertVerifier> = match mode {
        SslMode::VerifyFull | SslMode::VerifyCa => {
            let inner =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots(root)?), provider())
                    .build()
                    .map_err(|e| format!("no usable root certificate: {e}"))?;
            if mode == SslMode::VerifyFull {
                inner
            } else {
                Arc::new(AnyName(inner))
            }
        }
        _ => Arc::new(Unchecked(provider())),
    };
    let mut config = builder
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn roots(path: Option<&Path>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    match path {
        Some(path) if path.as_os_str() != "system" => {
            let fault = |e: &dyn std::fmt::Display| {
                format!("cannot read sslrootcert \"{}\": {e}", path.display())
            };
            let pem = std::fs::read(path).map_err(|e| fault(&e))?;
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                let certificate = certificate.map_err(|e| fault(&e))?;
                store.add(certificate).map_err(|e| fault(&e))?;
            }
            if store.is_empty() {
                return Err(fault(&"it holds no PEM certificate"));
            }
        }
        _ => {
            let found = rustls_native_certs::load_native_certs();
            store.add_parsable_certificates(found.certs);
        }
    }
    Ok(store)
}

/// `sslmode=require` and weaker: encrypts towards whoever answers.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

/// `sslmode=verify-ca`: the chain must be good, the name may be any.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self
            .0
            .verify_server_cert(end_entity, intermediates, name, ocsp, now)
        {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
