//! What a party is. Its certificate says so, in a URI among the subject's alternative names.

use std::fmt;
use std::str::FromStr;
use tonic::transport::CertificateDer;

const URI_PREFIX: &str = "imgcalc://role/";

/// What the holder of a certificate is to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A coordinator.
    Peer,
    /// A worker.
    Worker,
    /// Whoever submits builds and looks at them.
    Client,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 3] = [Role::Peer, Role::Worker, Role::Client];

    /// The name that stands in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Role::Peer => "peer",
            Role::Worker => "worker",
            Role::Client => "client",
        }
    }

    /// The alternative name that gives a certificate this role, as in `imgcalc://role/worker`.
    pub fn uri(self) -> String {
        format!("{URI_PREFIX}{self}")
    }

    /// The role a certificate names; none if it names none, an unknown one, or several.
    ///
    /// Says nothing about who signed it: only for certificates that TLS has verified.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Role> {
        let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
        let mut roles = certificate
            .valid_uri_names()
            .filter_map(|uri| uri.strip_prefix(URI_PREFIX));
        let role = roles.next()?.parse().ok()?;
        roles.next().is_none().then_some(role)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Role::ALL.into_iter().find(|role| role.name() == text);
        named.ok_or_else(|| format!("{text:?} is no role; write peer, worker or client"))
    }
}
