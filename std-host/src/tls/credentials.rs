//! The certificate and its key, from their files.

use core::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::{InconsistentKeys, ServerConfig};

use crate::settings::Settings;

/// A certificate with its key, fit for use.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub(super) config: Arc<ServerConfig>,
    /// How many certificates its file has.
    chain: usize,
}

impl fmt::Display for Credentials {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.chain {
            1 => to.write_str("a certificate"),
            many => write!(to, "a certificate and {} that signed it", many - 1),
        }
    }
}

/// Why a certificate and a key are of no use. The operator is to blame.
#[derive(Debug)]
#[non_exhaustive]
pub enum CannotUse {
    /// One of the files can't be read.
    File(PathBuf, io::Error),
    /// One of the files is longer than 64 KiB.
    TooLong(PathBuf),
    /// There is no certificate in the file.
    NoCertificate(PathBuf),
    /// There is no key in the file.
    NoKey(PathBuf),
    /// The key is another certificate's.
    Apart(PathBuf, PathBuf),
    /// rustls can't use them.
    Refused(PathBuf, rustls::Error),
}

impl fmt::Display for CannotUse {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(to, "{}: {error}", path.display()),
            Self::TooLong(path) => {
                write!(to, "{}: longer than {LONGEST_FILE} bytes", path.display())
            }
            Self::NoCertificate(path) => write!(to, "{}: no certificate in PEM", path.display()),
            Self::NoKey(path) => {
                write!(
                    to,
                    "{}: no private key in PEM, or one with a password",
                    path.display()
                )
            }
            Self::Apart(certificate, key) => write!(
                to,
                "{}: not the key of the certificate in {}",
                key.display(),
                certificate.display()
            ),
            Self::Refused(path, error) => write!(to, "{}: {error}", path.display()),
        }
    }
}

impl core::error::Error for CannotUse {}

/// Most bytes of a file of certificates or of a key.
const LONGEST_FILE: usize = 64 << 10;

impl Credentials {
    /// Reads what the settings name, where `find` says that it is; `None` if nothing listens with
    /// TLS.
    ///
    /// # Errors
    ///
    /// [`CannotUse`], if the files can't be read or don't belong together.
    pub fn load(
        settings: &Settings,
        find: impl Fn(&Path) -> PathBuf,
    ) -> Result<Option<Self>, CannotUse> {
        let (Some(certificate), Some(key)) = (&settings.tls_certificate, &settings.tls_key) else {
            return Ok(None);
        };
        if !settings.has_tls() {
            return Ok(None);
        }
        Self::from_files(&find(certificate), &find(key)).map(Some)
    }

    fn from_files(certificate: &Path, key: &Path) -> Result<Self, CannotUse> {
        let chain = CertificateDer::pem_slice_iter(&read(certificate)?)
            .collect::<Result<Vec<_>, _>>()
            .ok()
            .filter(|chain| !chain.is_empty())
            .ok_or_else(|| CannotUse::NoCertificate(certificate.into()))?;
        let certificates = chain.len();
        let private =
            PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| CannotUse::NoKey(key.into()))?;
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map(|builder| builder.with_no_client_auth())
            .and_then(|builder| builder.with_single_cert(chain, private));
        let mut config = config.map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                CannotUse::Apart(certificate.into(), key.into())
            }
            rustls::Error::InvalidCertificate(_) => CannotUse::Refused(certificate.into(), error),
            error => CannotUse::Refused(key.into(), error),
        })?;
        // A client comes back after half an hour: it isn't worth the memory to know it again.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            chain: certificates,
        })
    }
}

/// Reads a file to its end.
fn read(path: &Path) -> Result<Vec<u8>, CannotUse> {
    let failed = |error| CannotUse::File(path.into(), error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    let most = LONGEST_FILE as u64 + 1;
    file.take(most).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > LONGEST_FILE {
        return Err(CannotUse::TooLong(path.into()));
    }
    Ok(bytes)
}
