//! Lines between parties: addresses, the TLS of both ends, and the token that goes along with every call.

use super::error::CredentialsError;
use super::folder::Credentials;
use super::role::Role;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, ServerTlsConfig};
use tonic::{Request, Status};

const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// Whoever connects and then says nothing is not waited for.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// A dead line is noticed after interval and time-out together.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEP_ALIVE_LIMIT: Duration = Duration::from_secs(10);

/// What a generated client speaks over: made with `with_interceptor(channel, Bearer::of(credentials))`.
pub type Line = InterceptedService<Channel, Bearer>;

/// Why there can be no line with an address.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It cannot be an address.
    #[error("{address:?} is not an address of a coordinator; write host:port")]
    BadAddress {
        /// As given.
        address: String,
    },
    /// Without credentials nothing leaves the machine.
    #[error(
        "{address} is not a loopback address: without certificates only this machine is spoken to; \
         give --credentials DIR, made by `imgcalc certs new`"
    )]
    NotLoopback {
        /// As given.
        address: String,
    },
    /// The TLS library does not take the credentials.
    #[error("the credentials in {folder} do not serve: {error}; make others with `imgcalc certs add`")]
    Tls {
        /// Where they are from.
        folder: String,
        /// Why.
        error: tonic::transport::Error,
    },
}

/// The way to a coordinator at `host:port`: TLS with credentials; without, plain and to this machine only. Keepalive is
/// on: without it a line that broke silently would never be noticed.
pub fn endpoint(address: &str, credentials: Option<&Credentials>) -> Result<Endpoint, LineError> {
    let bad = || LineError::BadAddress {
        address: address.to_string(),
    };
    // An address without a port would be taken to mean port 80.
    let (host, port) = address.rsplit_once(':').ok_or_else(bad)?;
    port.parse::<u16>().map_err(|_| bad())?;
    // An IPv6 address stands in brackets, to keep its colons apart from the port's.
    let name = host
        .strip_prefix('[')
        .map_or(Some(host), |rest| rest.strip_suffix(']'));
    let name = name.filter(|name| !name.is_empty()).ok_or_else(bad)?;
    let scheme = if credentials.is_some() { "https" } else { "http" };
    let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))
        .map_err(|_| bad())?
        .connect_timeout(CONNECT_LIMIT)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_LIMIT)
        .keep_alive_while_idle(true);
    let Some(credentials) = credentials else {
        let loopback = name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        return loopback.then_some(endpoint).ok_or(LineError::NotLoopback {
            address: address.to_string(),
        });
    };
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&credentials.ca_pem))
        .identity(identity(credentials))
        .domain_name(name)
        .timeout(HANDSHAKE_LIMIT);
    endpoint.tls_config(tls).map_err(|error| LineError::Tls {
        folder: credentials.folder().display().to_string(),
        error,
    })
}

/// Refuses to listen beyond this machine without credentials.
pub fn may_listen(address: SocketAddr, credentials: Option<&Credentials>) -> Result<(), LineError> {
    if credentials.is_some() || address.ip().is_loopback() {
        return Ok(());
    }
    Err(LineError::NotLoopback {
        address: address.to_string(),
    })
}

/// TLS of a coordinator: only who shows a certificate of the CA gets as far as a call.
pub fn server_tls(credentials: &Credentials) -> Result<ServerTlsConfig, CredentialsError> {
    credentials.expect(Role::Peer)?;
    // Where a program holds two cryptographic libraries, the object store brings the other, rustls has to be told
    // which. An error only says that one was chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(ServerTlsConfig::new()
        .identity(identity(credentials))
        .client_ca_root(Certificate::from_pem(&credentials.ca_pem))
        .timeout(HANDSHAKE_LIMIT))
}

fn identity(credentials: &Credentials) -> Identity {
    Identity::from_pem(&credentials.cert_pem, &credentials.key_pem)
}

/// Puts the token of the credentials on every call, as `authorization: Bearer …`; without one it does nothing.
#[derive(Clone)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    /// Of these credentials.
    pub fn of(credentials: Option<&Credentials>) -> Bearer {
        let token = credentials.and_then(Credentials::token).map(|token| {
            let text = format!("Bearer {}", token.expose());
            let mut value =
                MetadataValue::try_from(text).expect("a token holds nothing that HTTP cannot carry");
            // Keeps it out of the logs of the HTTP libraries.
            value.set_sensitive(true);
            value
        });
        Bearer(token)
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

impl std::fmt::Debug for Bearer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(if self.0.is_some() { "Bearer(…)" } else { "Bearer" })
    }
}
