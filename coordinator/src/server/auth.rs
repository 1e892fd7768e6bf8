//! Who may call what: one table over all methods, in front of all services.
//!
//! Two factors: the certificate that TLS has verified names the caller's role, and a token goes along with the call.
//! Peers need no token; their certificate opens one method only. A method that the table does not know is refused,
//! so that a new one is closed until somebody decides who may call it.

use imgcalc_proto::security::{AcceptedTokens, Credentials, CredentialsError, Role};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};

/// Who may call a method, by its path; nobody may call one that is not known.
pub fn callers_of(path: &str) -> &'static [Role] {
    let named = path.strip_prefix("/imgcalc.v1.");
    match named.and_then(|named| named.split_once('/')) {
        Some(("Workers", _)) => &[Role::Worker],
        Some(("Builds", _)) => &[Role::Client],
        Some(("Peers", "Deliver")) => &[Role::Peer],
        // A peer that joins asks whom it joins.
        Some(("Peers", "Members")) => &[Role::Client, Role::Peer],
        Some(("Peers", "Change")) => &[Role::Client],
        _ => &[],
    }
}

/// The guard of a server: decides before a service sees the call.
#[derive(Clone, Debug)]
pub struct Auth(Option<Arc<Tokens>>);

#[derive(Debug)]
struct Tokens {
    worker: AcceptedTokens,
    client: AcceptedTokens,
}

impl Auth {
    /// With credentials, which must be a coordinator's and hold `worker.token` and `client.token`, everybody is asked
    /// who they are; without, nobody is: such a server listens on this machine only.
    pub fn of(credentials: Option<&Credentials>) -> Result<Auth, CredentialsError> {
        let Some(credentials) = credentials else {
            return Ok(Auth(None));
        };
        credentials.expect(Role::Peer)?;
        Ok(Auth(Some(Arc::new(Tokens {
            worker: credentials.accepted_tokens(Role::Worker)?,
            client: credentials.accepted_tokens(Role::Client)?,
        }))))
    }

    /// Puts the guard in front of a service, or of all: `auth.guard(Routes::new(…).add_service(…).prepare())`.
    pub fn guard<S>(self, inner: S) -> Guarded<S> {
        Guarded { auth: self, inner }
    }

    fn check<B>(&self, request: &http::Request<B>) -> Result<(), Status> {
        let Some(tokens) = &self.0 else {
            return Ok(());
        };
        let path = request.uri().path();
        let callers = callers_of(path);
        let Some(needed) = callers.first().copied() else {
            return Err(Status::permission_denied(
                "nobody may call this method; is the caller of another version than the coordinator?",
            ));
        };
        let Some(role) = role_of(request) else {
            return Err(Status::unauthenticated(
                "the certificate of the caller names no role; issue one with `imgcalc certs add`",
            ));
        };
        if !callers.contains(&role) {
            return Err(Status::permission_denied(format!(
                "{path} is for a {needed}, and the certificate says {role}; \
                 give --credentials the folder of a {needed}"
            )));
        }
        let accepted = match role {
            Role::Peer => return Ok(()),
            Role::Worker => &tokens.worker,
            Role::Client => &tokens.client,
        };
        match bearer(request) {
            None => Err(Status::unauthenticated(format!(
                "no token comes with the call; put the {needed}s' token into the file `token` of the {needed}'s \
                 credentials, as it is in {needed}.token of the coordinator's"
            ))),
            Some(token) if accepted.contains(token) => Ok(()),
            Some(_) => Err(Status::unauthenticated(format!(
                "the token is not accepted; compare the file `token` of the {needed}'s credentials with \
                 {needed}.token of the coordinator's"
            ))),
        }
    }
}

/// The role in the certificate of who made this connection.
fn role_of<B>(request: &http::Request<B>) -> Option<Role> {
    let connection = request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>()?;
    let certificates = connection.peer_certs()?;
    Role::of(certificates.first()?)
}

fn bearer<B>(request: &http::Request<B>) -> Option<&str> {
    let value = request.headers().get(http::header::AUTHORIZATION)?;
    value.to_str().ok()?.strip_prefix("Bearer ")
}

/// A service behind the guard.
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    auth: Auth,
    inner: S,
}

impl<S> Service<http::Request<Body>> for Guarded<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        if let Err(refusal) = self.auth.check(&request) {
            tracing::warn!(
                path = request.uri().path(),
                "refuses a call: {}",
                refusal.message()
            );
            return Box::pin(async move { Ok(refusal.into_http()) });
        }
        // Nothing behind the guard needs the token, so nothing there can log it.
        request.headers_mut().remove(http::header::AUTHORIZATION);
        Box::pin(self.inner.call(request))
    }
}

#[cfg(test)]
mod tests;
