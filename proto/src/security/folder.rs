//! The folder of credentials: read, and checked before anything is done with it.

use super::error::CredentialsError;
use super::role::Role;
use super::token::{AcceptedTokens, Token};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore};
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest file of a folder.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 20;
/// What others must not be able to do with a secret.
const OTHERS: u32 = 0o077;

/// What one party shows to the others. Its `Debug` shows no secret.
#[derive(Clone)]
pub struct Credentials {
    folder: PathBuf,
    role: Role,
    token: Option<Token>,
    pub(super) ca_pem: Vec<u8>,
    pub(super) cert_pem: Vec<u8>,
    pub(super) key_pem: Vec<u8>,
}

impl Credentials {
    /// Reads and checks a folder; without one there are no credentials, and all stays on this machine.
    pub fn load(folder: Option<&Path>) -> Result<Option<Self>, CredentialsError> {
        folder.map(Self::load_folder).transpose()
    }

    fn load_folder(folder: &Path) -> Result<Self, CredentialsError> {
        let ca_pem = read(&folder.join("ca.pem"))?;
        let cert_pem = read(&folder.join("cert.pem"))?;
        let key_pem = read_secret(&folder.join("key.pem"))?;
        let role = check(folder, &ca_pem, &cert_pem, &key_pem)?;
        let token = match read_secret(&folder.join("token")) {
            Ok(text) => Some(tokens(&folder.join("token"), &text)?.swap_remove(0)),
            Err(CredentialsError::Missing { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Credentials {
            folder: folder.to_path_buf(),
            role,
            token,
            ca_pem,
            cert_pem,
            key_pem,
        })
    }

    /// Where they were read from.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the certificate says its holder is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The holder's own token.
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// The tokens a coordinator accepts from a role: the lines of `worker.token` or `client.token`. Several lines let
    /// an old token and its successor be valid together.
    pub fn accepted_tokens(&self, of: Role) -> Result<AcceptedTokens, CredentialsError> {
        let path = self.folder.join(format!("{of}.token"));
        let text = read_secret(&path)?;
        Ok(AcceptedTokens::new(&tokens(&path, &text)?))
    }

    /// Refuses credentials that are another role's.
    pub fn expect(&self, needed: Role) -> Result<(), CredentialsError> {
        if self.role == needed {
            return Ok(());
        }
        Err(CredentialsError::WrongRole {
            folder: self.folder.clone(),
            is: self.role,
            needed,
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Credentials");
        shown.field("folder", &self.folder).field("role", &self.role);
        shown.finish_non_exhaustive()
    }
}

/// Checks that everything fits together, and gives the role. What TLS would find out later and far away, at the other
/// side, is found here, where it can be mended.
fn check(folder: &Path, ca: &[u8], cert: &[u8], key: &[u8]) -> Result<Role, CredentialsError> {
    let malformed = |name: &str, what| CredentialsError::Malformed {
        path: folder.join(name),
        what,
    };
    let not_signed = |error| CredentialsError::NotSigned {
        folder: folder.to_path_buf(),
        error,
    };
    let mut roots = RootCertStore::empty();
    for root in certificates(ca).ok_or_else(|| malformed("ca.pem", "certificate"))? {
        roots.add(root).map_err(|_| malformed("ca.pem", "certificate"))?;
    }
    let chain = certificates(cert).ok_or_else(|| malformed("cert.pem", "certificate"))?;
    ParsedCertificate::try_from(&chain[0]).map_err(|_| malformed("cert.pem", "certificate"))?;
    let role = Role::of(&chain[0]).ok_or_else(|| CredentialsError::NoRole {
        path: folder.join("cert.pem"),
    })?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| malformed("key.pem", "private key"))?;
    let provider = Arc::new(default_provider());
    match CertifiedKey::from_der(chain.clone(), key, &provider) {
        Err(rustls::Error::InconsistentKeys(_)) => {
            return Err(CredentialsError::KeyMismatch {
                folder: folder.to_path_buf(),
            });
        }
        Err(_) => return Err(malformed("key.pem", "private key of a known kind")),
        Ok(_) => {}
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|_| malformed("ca.pem", "certificate"))?;
    match verifier.verify_client_cert(&chain[0], &chain[1..], UnixTime::now()) {
        Ok(_) => Ok(role),
        Err(rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        )) => Err(CredentialsError::OutOfDate {
            path: folder.join("cert.pem"),
        }),
        Err(error) => Err(not_signed(error)),
    }
}

/// All certificates of a PEM text; none if there is none or one is damaged.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .ok()?;
    (!all.is_empty()).then_some(all)
}

/// The tokens of a file, at least one.
fn tokens(path: &Path, text: &[u8]) -> Result<Vec<Token>, CredentialsError> {
    let malformed = || CredentialsError::Malformed {
        path: path.to_path_buf(),
        what: "token of 32 to 512 letters and digits a line",
    };
    let text = std::str::from_utf8(text).map_err(|_| malformed())?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let tokens: Option<Vec<Token>> = lines.map(Token::parse).collect();
    tokens.filter(|tokens| !tokens.is_empty()).ok_or_else(malformed)
}

fn read(path: &Path) -> Result<Vec<u8>, CredentialsError> {
    read_to_end(path, &open(path)?)
}

/// The mode is asked of the opened file: what is checked is what is read.
fn read_secret(path: &Path) -> Result<Vec<u8>, CredentialsError> {
    let file = open(path)?;
    let unreadable = |error| CredentialsError::Unreadable {
        path: path.to_path_buf(),
        error,
    };
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(CredentialsError::Exposed {
            path: path.to_path_buf(),
            mode,
        });
    }
    read_to_end(path, &file)
}

fn open(path: &Path) -> Result<File, CredentialsError> {
    let path = path.to_path_buf();
    File::open(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => CredentialsError::Missing { path },
        _ => CredentialsError::Unreadable { path, error },
    })
}

fn read_to_end(path: &Path, file: &File) -> Result<Vec<u8>, CredentialsError> {
    let mut bytes = Vec::new();
    let path = path.to_path_buf();
    match file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes) {
        Err(error) => Err(CredentialsError::Unreadable { path, error }),
        Ok(read) if read as u64 > FILE_BYTES_MAX => Err(CredentialsError::TooLong { path }),
        Ok(_) => Ok(bytes),
    }
}
