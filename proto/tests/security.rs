//! The folder of credentials: what is taken, what is refused and with which words, and that no secret is shown.

use imgcalc_proto::security::{AcceptedTokens, Bearer, Credentials, Role, Token};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A good folder of a worker, to be spoilt.
struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder::with(&["imgcalc://role/worker"], ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn with(uris: &[&str], usage: ExtendedKeyUsagePurpose) -> Folder {
        let ca_key = KeyPair::generate().expect("a key");
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(DnType::CommonName, "a CA");
        let ca_pem = ca.self_signed(&ca_key).expect("signed").pem();
        let mut params = CertificateParams::default();
        for uri in uris {
            let uri = (*uri).try_into().expect("plain");
            params.subject_alt_names.push(SanType::URI(uri));
        }
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &Issuer::new(ca, ca_key)).expect("signed");
        let folder = Folder(tempfile::tempdir().expect("a temporary folder"));
        folder.write("ca.pem", &ca_pem);
        folder.write("cert.pem", &certificate.pem());
        folder.write("key.pem", &key.serialize_pem());
        folder.write("token", TOKEN);
        folder
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.path(file), text).expect("written");
        self.chmod(file, 0o600);
    }

    fn take(&self, file: &str, other: &Folder) {
        std::fs::copy(other.path(file), self.path(file)).expect("copied");
    }

    fn chmod(&self, file: &str, mode: u32) {
        std::fs::set_permissions(self.path(file), Permissions::from_mode(mode)).expect("permitted");
    }

    fn load(&self) -> Credentials {
        let loaded = Credentials::load(Some(self.0.path())).expect("a good folder");
        loaded.expect("a folder was given")
    }

    #[track_caller]
    fn assert_refused(&self, words: &[&str]) {
        let error = Credentials::load(Some(self.0.path()))
            .expect_err("a spoilt folder")
            .to_string();
        for word in words {
            assert!(error.contains(word), "{word:?} is not in: {error}");
        }
        assert!(!error.contains(TOKEN), "{error}");
    }
}

#[test]
fn a_good_folder_is_taken_and_no_folder_is_no_credentials() {
    let credentials = Folder::new().load();
    assert_eq!(credentials.role(), Role::Worker);
    assert_eq!(credentials.token().expect("it is there").expose(), TOKEN);
    assert!(
        Credentials::load(None)
            .expect("nothing is wrong with nothing")
            .is_none()
    );
}

#[test]
fn a_key_or_token_that_others_can_read_is_refused() {
    for file in ["key.pem", "token"] {
        let folder = Folder::new();
        for mode in [0o640, 0o604, 0o644, 0o620, 0o601, 0o666] {
            folder.chmod(file, mode);
            folder.assert_refused(&[file, &format!("{mode:o}"), "chmod 600"]);
        }
        for mode in [0o600, 0o400, 0o700] {
            folder.chmod(file, mode);
            folder.load();
        }
    }
    let folder = Folder::new();
    folder.chmod("ca.pem", 0o644);
    folder.chmod("cert.pem", 0o644);
    folder.load();
    // What a coordinator accepts is as secret as what a worker shows.
    folder.write("worker.token", TOKEN);
    assert!(folder.load().accepted_tokens(Role::Worker).is_ok());
    folder.chmod("worker.token", 0o644);
    let error = folder
        .load()
        .accepted_tokens(Role::Worker)
        .expect_err("open to others");
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

#[test]
fn what_is_missing_or_damaged_is_named_with_the_remedy() {
    for file in ["ca.pem", "cert.pem", "key.pem"] {
        let folder = Folder::new();
        folder.write(
            file,
            "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n",
        );
        folder.assert_refused(&[file, "holds no", "imgcalc certs"]);
        folder.write(file, "");
        folder.assert_refused(&[file, "holds no", "imgcalc certs"]);
        folder.write(file, &"x".repeat((1 << 20) + 1));
        folder.assert_refused(&[file, "longer than 1048576 bytes"]);
        std::fs::remove_file(folder.path(file)).expect("removed");
        folder.assert_refused(&[file, "is missing", "imgcalc certs"]);
    }
    for text in [
        "",
        "\n\n",
        "short",
        "with a space 0123456789abcdef0123456789abcdef",
        &"x".repeat(513),
    ] {
        let folder = Folder::new();
        folder.write("token", text);
        folder.assert_refused(&["token", "32 to 512"]);
    }
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let (folder, other) = (Folder::new(), Folder::new());
    folder.take("key.pem", &other);
    folder.assert_refused(&["key.pem", "is not the key of its cert.pem"]);
    folder.take("cert.pem", &other);
    folder.assert_refused(&["is not what its ca.pem signed", "imgcalc certs new"]);
    folder.take("ca.pem", &other);
    folder.load();
    let server = Folder::with(&["imgcalc://role/worker"], ExtendedKeyUsagePurpose::ServerAuth);
    server.assert_refused(&["is not what its ca.pem signed for this use"]);
}

#[test]
fn a_certificate_names_exactly_one_role() {
    for uris in [
        &[][..],
        &["imgcalc://role/boss"],
        &["imgcalc://role/"],
        &["imgcalc://role/worker/"],
        &["https://example/imgcalc://role/worker"],
        &["imgcalc://role/worker", "imgcalc://role/client"],
    ] {
        let folder = Folder::with(uris, ExtendedKeyUsagePurpose::ClientAuth);
        folder.assert_refused(&["cert.pem", "names no role", "imgcalc certs add"]);
    }
    for role in Role::ALL {
        let uris = ["spiffe://example/other", &role.uri()];
        let folder = Folder::with(&uris, ExtendedKeyUsagePurpose::ClientAuth);
        assert_eq!(folder.load().role(), role);
    }
}

#[test]
fn debug_shows_no_secret() {
    let folder = Folder::new();
    let credentials = folder.load();
    let key = std::fs::read_to_string(folder.path("key.pem")).expect("a key");
    let line = key.lines().nth(1).expect("a line of the key");
    let accepted = AcceptedTokens::new(credentials.token());
    let bearer = Bearer::of(Some(&credentials));
    for shown in [
        format!("{credentials:?}"),
        format!("{credentials:#?}"),
        format!("{:?}", credentials.token()),
        format!("{accepted:?}"),
        format!("{bearer:?}"),
    ] {
        assert!(!shown.contains(TOKEN) && !shown.contains(line), "{shown}");
        // Nor as bytes.
        assert!(!shown.contains("48, 49, 50"), "{shown}");
    }
    assert!(format!("{credentials:?}").contains("Worker"));
}

#[test]
fn accepted_tokens_are_accepted_whole() {
    let [one, two] = [Token::random(), Token::random()];
    assert_ne!(one.expose(), two.expose());
    let accepted = AcceptedTokens::new([&one, &two]);
    assert!(accepted.contains(one.expose()) && accepted.contains(two.expose()));
    for text in [
        "",
        &one.expose()[1..],
        &format!("{} ", one.expose()),
        Token::random().expose(),
    ] {
        assert!(!accepted.contains(text));
    }
    assert!(!AcceptedTokens::new([]).contains(""));
    assert_eq!(one.expose().len(), 64);
}
