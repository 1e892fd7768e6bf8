//! What `imgcalc certs` makes, held against OpenSSL: another's reading of the same files.

use super::support::{Made, assert_says, certs};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Runs `openssl`; a machine without it cannot pass.
fn openssl(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("openssl")
        .args(arguments)
        .output()
        .expect("openssl must be installed: these tests hold our certificates against it");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

fn verify(made: &Made, ca: &Made, folder: &str, purpose: &str, more: &[&str]) -> (bool, String) {
    let (ca, cert) = (ca.path("ca/ca.pem"), made.path(folder).join("cert.pem"));
    let fixed = [
        "verify",
        "-x509_strict",
        "-purpose",
        purpose,
        "-CAfile",
        ca.to_str().expect("plain"),
    ];
    openssl(&[&fixed, more, &[cert.to_str().expect("plain")]].concat())
}

fn text(path: &Path) -> String {
    let (good, text) = openssl(&["x509", "-noout", "-text", "-in", path.to_str().expect("plain")]);
    assert!(good, "{text}");
    text
}

#[test]
fn openssl_takes_each_certificate_for_what_it_is_and_for_nothing_else() {
    let (made, other) = (Made::new(), Made::new());
    let added = certs(&[
        "add",
        made.dir(),
        "--role",
        "peer",
        "--hosts",
        "a.example,10.0.0.7,2001:db8::1",
    ]);
    assert!(added.status.success(), "{added:?}");
    for folder in ["peer", "peer-2", "worker", "client"] {
        let (good, said) = verify(&made, &made, folder, "sslclient", &[]);
        assert!(good, "{folder}: {said}");
        let (good, said) = verify(&made, &other, folder, "sslclient", &[]);
        assert!(!good, "{folder} of another CA: {said}");
        let (serves, said) = verify(&made, &made, folder, "sslserver", &[]);
        assert_eq!(serves, folder.starts_with("peer"), "{folder}: {said}");
    }
    for (check, folder, good) in [
        (["-verify_hostname", "localhost"], "peer", true),
        (["-verify_ip", "127.0.0.1"], "peer", true),
        (["-verify_ip", "::1"], "peer", true),
        (["-verify_hostname", "a.example"], "peer", false),
        (["-verify_hostname", "a.example"], "peer-2", true),
        (["-verify_ip", "10.0.0.7"], "peer-2", true),
        (["-verify_ip", "2001:db8::1"], "peer-2", true),
        (["-verify_hostname", "localhost"], "peer-2", false),
        (["-verify_hostname", "localhost"], "worker", false),
    ] {
        let (found, said) = verify(&made, &made, folder, "sslclient", &check);
        assert_eq!(found, good, "{folder} {check:?}: {said}");
    }
}

#[test]
fn certificates_name_their_role_and_the_ca_signs_nothing_but_certificates() {
    let made = Made::new();
    for role in ["peer", "worker", "client"] {
        let text = text(&made.path(role).join("cert.pem"));
        assert!(text.contains(&format!("URI:imgcalc://role/{role}")), "{text}");
        assert!(
            text.contains("CA:FALSE") && text.contains("Digital Signature"),
            "{text}"
        );
        assert_eq!(
            text.contains("TLS Web Server Authentication"),
            role == "peer",
            "{text}"
        );
        assert_eq!(text.matches("imgcalc://role/").count(), 1, "{text}");
    }
    let text = text(&made.path("ca/ca.pem"));
    assert!(
        text.contains("CA:TRUE, pathlen:0") && text.contains("Certificate Sign, CRL Sign"),
        "{text}"
    );
    assert!(text.contains("Image Calculator development CA"), "{text}");
    // Valid for a year but not for two; the CA for years.
    let lasts = |file: &str, days: u64| {
        let seconds = (days * 86_400).to_string();
        let path = made.path(file);
        openssl(&[
            "x509",
            "-noout",
            "-checkend",
            &seconds,
            "-in",
            path.to_str().expect("plain"),
        ])
        .0
    };
    assert!(lasts("worker/cert.pem", 364) && !lasts("worker/cert.pem", 366));
    assert!(lasts("ca/ca.pem", 3_649) && !lasts("ca/ca.pem", 3_651));
}

#[test]
fn every_file_is_closed_to_others_and_tokens_are_where_they_belong() {
    let made = Made::new();
    let mode = |path: &Path| {
        let metadata = std::fs::metadata(path).expect("it was made");
        metadata.permissions().mode() & 0o777
    };
    let mut found = Vec::new();
    for folder in ["ca", "client", "peer", "worker"] {
        assert_eq!(mode(&made.path(folder)), 0o700, "{folder}");
        for entry in std::fs::read_dir(made.path(folder)).expect("it was made") {
            let path = entry.expect("readable").path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            found.push(format!("{folder}/{name}"));
        }
    }
    found.sort();
    let expected = "ca/ca.pem ca/client.token ca/key.pem ca/worker.token \
                    client/ca.pem client/cert.pem client/key.pem client/token \
                    peer/ca.pem peer/cert.pem peer/client.token peer/key.pem peer/worker.token \
                    worker/ca.pem worker/cert.pem worker/key.pem worker/token";
    assert_eq!(found.join(" "), expected);
    let token = |file| std::fs::read_to_string(made.path(file)).expect("it was made");
    assert_eq!(token("worker/token"), token("peer/worker.token"));
    assert_eq!(token("client/token"), token("peer/client.token"));
    assert_ne!(token("worker/token"), token("client/token"));
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    assert!(
        token("worker/token").trim().len() == 64 && token("worker/token").trim().bytes().all(hexadecimal)
    );
}

#[test]
fn nothing_is_overwritten_and_wrong_arguments_say_what_is_right() {
    let made = Made::new();
    let before = std::fs::read(made.path("ca/key.pem")).expect("a key");
    let says = |arguments: &[&str], words: &[&str]| {
        let output = certs(arguments);
        assert!(!output.status.success(), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        assert_says(Err(String::from_utf8_lossy(&output.stderr).into_owned()), words);
    };
    let dir = made.dir();
    says(&["new", dir], &["exists already", "imgcalc certs add"]);
    says(
        &["add", dir, "--role", "peer", "--name", "peer"],
        &["not overwritten"],
    );
    says(&["add", dir, "--role", "boss"], &["peer, worker or client"]);
    says(
        &["add", dir, "--role", "worker", "--hosts", "a"],
        &["--role peer"],
    );
    says(
        &["add", dir, "--role", "worker", "--name", "../up"],
        &["letters, digits"],
    );
    says(
        &["add", dir, "--role", "peer", "--hosts", "a:7000"],
        &["without port"],
    );
    says(
        &["add", &format!("{dir}/none"), "--role", "peer"],
        &["imgcalc certs new"],
    );
    assert_eq!(std::fs::read(made.path("ca/key.pem")).expect("a key"), before);
}

#[test]
fn the_verb_prints_the_folders_it_made_and_no_secret() {
    let made = Made::new();
    let output = certs(&["add", made.dir(), "--role", "worker"]);
    let stdout = String::from_utf8(output.stdout).expect("text");
    assert_eq!(stdout.trim(), made.path("worker-2").to_str().expect("plain"));
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert!(stderr.contains("--credentials"), "{stderr}");
    let token = std::fs::read_to_string(made.path("worker-2/token")).expect("a token");
    assert!(!stdout.contains(token.trim()) && !stderr.contains(token.trim()));
}
