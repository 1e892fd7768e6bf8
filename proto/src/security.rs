//! Who speaks: credentials of coordinators, workers and clients, and the lines that are made with them.
//!
//! A folder of credentials holds, as PEM:
//!
//! | file | what |
//! |---|---|
//! | `ca.pem` | certificates of the CA whose signature is trusted |
//! | `cert.pem` | this party's certificate; it names the [`Role`] |
//! | `key.pem` | its private key; nobody else may read it |
//! | `token` | a worker's join token or a client's token: the second factor beside the certificate |
//! | `worker.token`, `client.token` | of coordinators only: the tokens they accept, one a line |
//!
//! With credentials both sides of a line show a certificate (TLS 1.2 or 1.3). Without, nothing leaves the machine:
//! only loopback addresses are listened on or connected to. `imgcalc certs` makes folders for development.

mod error;
mod explain;
mod folder;
mod line;
mod role;
mod token;

pub use error::CredentialsError;
pub use explain::explain;
pub use folder::Credentials;
pub use line::{Bearer, Line, LineError, endpoint, may_listen, server_tls};
pub use role::Role;
pub use token::{AcceptedTokens, Token};
