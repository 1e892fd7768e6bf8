//! Errors of a line in words that say what to do: TLS libraries name what broke, not what to mend.

use super::folder::Credentials;
use rustls::{AlertDescription, CertificateError, Error as TlsError};
use std::error::Error;
use std::io::ErrorKind;

/// Why a line to `address` fails and what to do, where it is a matter of certificates; none where it is not, as when
/// nobody listens there. Takes what `connect` or a call gave, made with these credentials.
pub fn explain(
    error: &(dyn Error + 'static),
    address: &str,
    credentials: Option<&Credentials>,
) -> Option<String> {
    let causes = Causes::of(error);
    let Some(credentials) = credentials else {
        // A TLS server hangs up on plain speech, or answers what HTTP cannot read.
        let spoken = causes.transport && causes.io.is_none_or(is_hang_up);
        return spoken.then(|| {
            format!(
                "{address} breaks the line off; if it is a coordinator with certificates, give --credentials DIR, \
                 made by `imgcalc certs add --role client` or `--role worker`"
            )
        });
    };
    let folder = credentials.folder().display();
    let refused = format!(
        "the coordinator at {address} does not accept {folder}/cert.pem: it is out of date or of another CA; \
         issue one with `imgcalc certs add` from the coordinator's CA"
    );
    match causes.tls {
        // A refusal can be lost on the way when the line is broken off right behind it.
        None => (causes.transport && causes.io.is_none_or(is_hang_up)).then(|| {
            format!(
                "the line to {address} breaks off: the coordinator has ended, or does not accept {folder}/cert.pem, \
                 out of date or of another CA; issue one with `imgcalc certs add` from the coordinator's CA"
            )
        }),
        Some(TlsError::InvalidCertificate(why)) => Some(match why {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => format!(
                "the certificate of the coordinator at {address} is not for that name; write the address as it is in \
                 the certificate, or issue one with `imgcalc certs add --role peer --hosts` and this name"
            ),
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => format!(
                "the certificate of the coordinator at {address} is not valid today; check the clocks, then issue \
                 another with `imgcalc certs add --role peer`"
            ),
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => format!(
                "what answers at {address} shows a certificate that is not a coordinator's; check the address"
            ),
            _ => format!(
                "the certificate of the coordinator at {address} is not signed by {folder}/ca.pem ({why}); take \
                 credentials of the coordinator's CA, or check the address"
            ),
        }),
        Some(TlsError::InvalidMessage(_)) => Some(format!(
            "{address} does not speak TLS; leave --credentials away if it is a coordinator without certificates"
        )),
        Some(TlsError::AlertReceived(alert)) => Some(match alert {
            AlertDescription::InternalError | AlertDescription::HandshakeFailure => {
                format!("the coordinator at {address} breaks off the TLS handshake; its log says why")
            }
            _ => refused,
        }),
        Some(other) => Some(format!("TLS with {address} fails: {other}")),
    }
}

fn is_hang_up(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::BrokenPipe
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::UnexpectedEof
            | ErrorKind::InvalidData
    )
}

/// What of an error's chain of causes matters here.
#[derive(Default)]
struct Causes<'e> {
    tls: Option<&'e TlsError>,
    io: Option<ErrorKind>,
    /// The line broke; a coordinator that answers a call with "no" is another matter.
    transport: bool,
}

impl<'e> Causes<'e> {
    fn of(error: &'e (dyn Error + 'static)) -> Self {
        let mut causes = Causes::default();
        let mut next = Some(error);
        while let Some(error) = next {
            // What is no HTTP may also be met in the middle of a call.
            let in_call = error.downcast_ref::<tonic::Status>();
            let in_call = in_call.is_some_and(|status| status.message().starts_with("h2 protocol error"));
            causes.transport |= in_call || error.is::<tonic::transport::Error>();
            causes.tls = causes.tls.or(error.downcast_ref());
            next = error.source();
            if let Some(io) = error.downcast_ref::<std::io::Error>() {
                causes.io = causes.io.or(Some(io.kind()));
                // An I/O error hides the error it wraps: its source is the source of that.
                next = io.get_ref().map(|inner| inner as &(dyn Error + 'static));
            }
        }
        causes
    }
}
