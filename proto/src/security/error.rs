//! What can be wrong with a folder of credentials.

use super::folder::FILE_BYTES_MAX;
use super::role::Role;
use std::path::PathBuf;

/// Why a folder cannot be used. Every message names the file and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// There is no such file.
    #[error("{} is missing; `imgcalc certs` makes whole folders of credentials", path.display())]
    Missing {
        /// Not there.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// There, but not for us.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Others may read or change a secret.
    #[error("{} is a secret, but its mode {mode:03o} opens it to others; run `chmod 600 {}`", path.display(), path.display())]
    Exposed {
        /// The secret's file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is longer than any file of credentials.
    #[error("{} is longer than {FILE_BYTES_MAX} bytes; is it another file?", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// It does not hold what it should.
    #[error("{} holds no {what}; put a whole one in its place, `imgcalc certs` makes them", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is looked for.
        what: &'static str,
    },
    /// Key and certificate are not a pair.
    #[error("key.pem in {} is not the key of its cert.pem; take both from one folder that `imgcalc certs` made", folder.display())]
    KeyMismatch {
        /// The folder.
        folder: PathBuf,
    },
    /// The certificate's time is over, or has not begun.
    #[error("{} is not valid today; check the clock, then issue another with `imgcalc certs add`", path.display())]
    OutOfDate {
        /// The certificate.
        path: PathBuf,
    },
    /// The certificate does not belong to the CA.
    #[error("cert.pem in {} is not what its ca.pem signed for this use ({error}); take both from one `imgcalc certs new`", folder.display())]
    NotSigned {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        error: rustls::Error,
    },
    /// The certificate does not say what its holder is.
    #[error("{} names no role: it needs one of imgcalc://role/peer, …/worker or …/client among its alternative names; `imgcalc certs add` issues such", path.display())]
    NoRole {
        /// The certificate.
        path: PathBuf,
    },
    /// The folder is another party's.
    #[error("{} holds the credentials of a {is}; here those of a {needed} are needed: `imgcalc certs add --role {needed}`", folder.display())]
    WrongRole {
        /// The folder.
        folder: PathBuf,
        /// What it is for.
        is: Role,
        /// What it should be for.
        needed: Role,
    },
}
