//! The development CA: signs certificates that name a role.

use anyhow::Context;
use imgcalc_proto::security::Role;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType,
};
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Days a CA is valid.
pub(super) const CA_DAYS: u64 = 3_650;
/// Days a certificate is valid.
pub(super) const CERTIFICATE_DAYS: u64 = 365;
const DAY: Duration = Duration::from_secs(86_400);
/// Certificates begin so long before they are made: clocks differ.
const SKEW: Duration = Duration::from_secs(3_600);

/// A name or an IP address that can stand in a certificate.
pub(super) fn host(text: &str) -> Result<String, String> {
    let label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(allowed)
    };
    let is_name = text.len() <= 253 && text.split('.').all(label);
    if is_name || text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_string());
    }
    Err("write a host's name or IP address, without port or brackets".into())
}

/// The key of a CA with its certificate.
pub(super) struct Authority {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes one.
    pub(super) fn new() -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let params = ca_params(&key);
        let certificate = params.self_signed(&key)?;
        Ok(Authority {
            certificate_pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// Reads the one that [`Authority::new`] made.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        let read = |name| {
            let path = folder.join(name);
            std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}; `imgcalc certs new` makes a CA", path.display()))
        };
        let key = KeyPair::from_pem(&read("key.pem")?)
            .with_context(|| format!("{} holds no private key", folder.join("key.pem").display()))?;
        Ok(Authority {
            certificate_pem: read("ca.pem")?,
            issuer: Issuer::new(ca_params(&key), key),
        })
    }

    pub(super) fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    pub(super) fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A new certificate and its key, both as PEM.
    pub(super) fn issue(&self, role: Role, name: &str, hosts: &[String]) -> anyhow::Result<(String, String)> {
        let key = KeyPair::generate()?;
        let mut params = match role {
            // Only who is a coordinator may be taken for one.
            Role::Peer => CertificateParams::new(hosts)?,
            Role::Worker | Role::Client => CertificateParams::default(),
        };
        params
            .subject_alt_names
            .push(SanType::URI(role.uri().as_str().try_into()?));
        params.extended_key_usages = match role {
            Role::Peer => vec![
                ExtendedKeyUsagePurpose::ClientAuth,
                ExtendedKeyUsagePurpose::ServerAuth,
            ],
            Role::Worker | Role::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
        };
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.distinguished_name = Default::default();
        params.distinguished_name.push(DnType::CommonName, name);
        valid_for(&mut params, CERTIFICATE_DAYS);
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }
}

/// All of a CA follows from its key: so it is read back without parsing its certificate. A part of the key's digest in
/// the name keeps two development CAs apart.
fn ca_params(key: &KeyPair) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let digest = imgcalc_shared::digest::Digest::of(&key.subject_public_key_info());
    let name = format!("Image Calculator development CA {}", digest.short());
    params.distinguished_name = Default::default();
    params.distinguished_name.push(DnType::CommonName, name);
    valid_for(&mut params, CA_DAYS);
    params
}

fn valid_for(params: &mut CertificateParams, days: u64) {
    let now = SystemTime::now();
    params.not_before = (now - SKEW).into();
    params.not_after = (now + DAY * u32::try_from(days).expect("days of a certificate are few")).into();
}
