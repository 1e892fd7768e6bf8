//! Real TLS over loopback sockets: who gets through to a service of the project, and what the others are told.

use super::support::{Answer, Made, assert_says, certs, deliver, load, members, overview, register, serve};
use imgcalc_proto::security::{Credentials, endpoint, explain, may_listen, server_tls};
use imgcalc_proto::v1::MembersRequest;
use imgcalc_proto::v1::peers_client::PeersClient;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType, date_time_ymd};
use std::path::Path;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

/// A method without a service behind it: the guard let the call pass.
const PASSED: &str = "Unimplemented";

#[tokio::test]
async fn each_role_gets_through_to_its_methods_and_to_no_others() {
    let made = Made::new();
    let address = serve(Some(&made.load("peer"))).await;
    let (peer, worker, client) = (made.load("peer"), made.load("worker"), made.load("client"));

    assert!(deliver(&address, Some(&peer)).await.is_ok());
    assert!(members(&address, Some(&client)).await.is_ok());
    assert_says(overview(&address, Some(&client)).await, &[PASSED]);
    assert_says(register(&address, Some(&worker)).await, &[PASSED]);

    let denied = |is: &'static str, needed: &'static str| ["PermissionDenied", is, needed, "--credentials"];
    assert_says(
        deliver(&address, Some(&client)).await,
        &denied("says client", "for a peer"),
    );
    assert_says(
        deliver(&address, Some(&worker)).await,
        &denied("says worker", "for a peer"),
    );
    // A peer that joins asks whom it joins.
    assert!(members(&address, Some(&peer)).await.is_ok());
    assert_says(
        members(&address, Some(&worker)).await,
        &denied("says worker", "for a client"),
    );
    assert_says(
        overview(&address, Some(&peer)).await,
        &denied("says peer", "for a client"),
    );
    assert_says(
        overview(&address, Some(&worker)).await,
        &denied("says worker", "for a client"),
    );
    assert_says(
        register(&address, Some(&client)).await,
        &denied("says client", "for a worker"),
    );
    assert_says(
        register(&address, Some(&peer)).await,
        &denied("says peer", "for a worker"),
    );
}

#[tokio::test]
async fn a_wrong_or_missing_token_is_refused_without_being_repeated() {
    let made = Made::new();
    let address = serve(Some(&made.load("peer"))).await;
    let file = made.path("client/token");
    let right = std::fs::read_to_string(&file).expect("a token");

    // The worker's is a good token, but not for this.
    let wrong = std::fs::read_to_string(made.path("worker/token")).expect("a token");
    let almost = format!(
        "{}{}",
        &right.trim()[..63],
        if right.trim().ends_with('0') { 1 } else { 0 }
    );
    for token in [
        wrong.trim(),
        &almost,
        &right.trim().to_uppercase(),
        &format!("{}0", right.trim()),
    ] {
        std::fs::write(&file, token).expect("written");
        let answer = members(&address, Some(&made.load("client"))).await;
        let error = answer.clone().expect_err("not its token");
        assert!(!error.contains(token), "{error}");
        assert_says(answer, &["Unauthenticated", "file `token`", "client.token"]);
    }
    std::fs::remove_file(&file).expect("removed");
    let answer = members(&address, Some(&made.load("client"))).await;
    assert_says(answer, &["Unauthenticated", "no token", "file `token`"]);
}

#[tokio::test]
async fn an_old_token_and_its_successor_are_accepted_together() {
    let made = Made::new();
    let old = made.load("client");
    let text = std::fs::read_to_string(made.path("ca/client.token")).expect("a token");
    std::fs::write(
        made.path("ca/client.token"),
        format!("{text}{}\n", "successor".repeat(5)),
    )
    .expect("written");
    for arguments in [["--role", "peer"], ["--role", "client"]] {
        assert!(
            certs(&[&["add", made.dir()][..], &arguments].concat())
                .status
                .success()
        );
    }
    let address = serve(Some(&made.load("peer-2"))).await;
    assert!(members(&address, Some(&old)).await.is_ok());
    assert!(members(&address, Some(&made.load("client-2"))).await.is_ok());
    let before = serve(Some(&made.load("peer"))).await;
    assert_says(
        members(&before, Some(&made.load("client-2"))).await,
        &["Unauthenticated"],
    );
}

#[tokio::test]
async fn credentials_of_another_ca_are_refused_by_either_side() {
    let (ours, theirs) = (Made::new(), Made::new());
    let address = serve(Some(&ours.load("peer"))).await;
    let answer = members(&address, Some(&theirs.load("client"))).await;
    assert_says(answer, &["not signed by", "client/ca.pem", "coordinator's CA"]);

    // One that trusts our CA, but shows a certificate of the other.
    let (certificate, key) = (pem(&theirs, "client/cert.pem"), pem(&theirs, "client/key.pem"));
    let answer = show(&ours, &address, Some((certificate, key))).await;
    assert_says(answer, &["does not accept", "cert.pem", "imgcalc certs add"]);
}

#[tokio::test]
async fn who_shows_no_certificate_gets_no_answer() {
    let made = Made::new();
    let address = serve(Some(&made.load("peer"))).await;
    let answer = show(&made, &address, None).await;
    assert_says(answer, &["does not accept", "cert.pem", "imgcalc certs add"]);
}

#[tokio::test]
async fn an_expired_certificate_is_found_at_home_and_refused_abroad() {
    let made = Made::new();
    let address = serve(Some(&made.load("peer"))).await;
    expire(&made, "client", "imgcalc://role/client");
    let error = Credentials::load(Some(&made.path("client"))).expect_err("it is out of date");
    assert_says(
        Err(error.to_string()),
        &["client/cert.pem", "not valid today", "imgcalc certs add"],
    );
    // A party that does not look at its own.
    let shown = (pem(&made, "client/cert.pem"), pem(&made, "client/key.pem"));
    let answer = show(&made, &address, Some(shown)).await;
    assert_says(answer, &["does not accept", "out of date", "imgcalc certs add"]);
}

#[tokio::test]
async fn a_worker_cannot_pass_for_a_coordinator() {
    let made = Made::new();
    let error = server_tls(&made.load("worker")).expect_err("a worker serves nobody");
    assert_says(
        Err(error.to_string()),
        &["credentials of a worker", "--role peer"],
    );

    // One that serves with its certificate all the same.
    let tls = tonic::transport::ServerTlsConfig::new().identity(Identity::from_pem(
        pem(&made, "worker/cert.pem"),
        pem(&made, "worker/key.pem"),
    ));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let _ = server_tls(&made.load("peer")).expect("settles the cryptographic library");
    let mut server = tonic::transport::Server::builder()
        .tls_config(tls)
        .expect("a pair");
    let router = server.add_routes(tonic::service::Routes::default());
    tokio::spawn(router.serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener)));
    let answer = members(&address, Some(&made.load("client"))).await;
    let error = answer.expect_err("not a coordinator");
    assert!(
        error.contains("not for that name") || error.contains("not a coordinator's"),
        "{error}"
    );
}

#[tokio::test]
async fn a_coordinator_under_another_name_is_not_believed() {
    let made = Made::new();
    let added = certs(&[
        "add",
        made.dir(),
        "--role",
        "peer",
        "--name",
        "far",
        "--hosts",
        "far.example,10.0.0.7",
    ]);
    assert!(added.status.success(), "{added:?}");
    let address = serve(Some(&made.load("far"))).await;
    let answer = members(&address, Some(&made.load("client"))).await;
    assert_says(
        answer,
        &["not for that name", "imgcalc certs add --role peer --hosts"],
    );
}

#[tokio::test]
async fn plain_speech_to_a_tls_server_and_tls_to_a_plain_one_name_the_flag() {
    let made = Made::new();
    let guarded = serve(Some(&made.load("peer"))).await;
    assert_says(
        members(&guarded, None).await,
        &["breaks the line off", "--credentials DIR"],
    );

    let plain = serve(None).await;
    assert!(members(&plain, None).await.is_ok());
    let answer = members(&plain, Some(&made.load("client"))).await;
    assert_says(answer, &["does not speak TLS", "leave --credentials away"]);
}

#[tokio::test]
async fn a_coordinator_that_is_not_there_is_no_matter_of_certificates() {
    let made = Made::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    drop(listener);
    assert_says(members(&address, None).await, &["unexplained"]);
    assert_says(
        members(&address, Some(&made.load("client"))).await,
        &["unexplained"],
    );
}

#[test]
fn without_credentials_nothing_leaves_the_machine() {
    let made = Made::new();
    let client = made.load("client");
    for address in ["127.0.0.1:7000", "localhost:7000", "[::1]:7000", "127.8.8.8:1"] {
        assert!(endpoint(address, None).is_ok(), "{address}");
        assert!(endpoint(address, Some(&client)).is_ok(), "{address}");
    }
    for address in [
        "10.0.0.7:7000",
        "far.example:7000",
        "[2001:db8::1]:7000",
        "0.0.0.0:7000",
        "localhost.example:1",
    ] {
        let error = endpoint(address, None).expect_err(address);
        assert_says(
            Err(error.to_string()),
            &[address, "--credentials DIR", "imgcalc certs new"],
        );
        assert!(endpoint(address, Some(&client)).is_ok(), "{address}");
    }
    for address in [
        "",
        "nonsense",
        ":7000",
        "[::1:7000",
        "host:99999",
        "ho st:1",
        "user@127.0.0.1",
    ] {
        let error = endpoint(address, Some(&client)).expect_err(address);
        assert_says(Err(error.to_string()), &["host:port"]);
    }
    let everywhere = "0.0.0.0:7000".parse().expect("an address");
    let here = "127.0.0.1:7000".parse().expect("an address");
    assert!(may_listen(everywhere, Some(&client)).is_ok() && may_listen(here, None).is_ok());
    let error = may_listen(everywhere, None).expect_err("anybody could come");
    assert_says(Err(error.to_string()), &["0.0.0.0:7000", "--credentials"]);
}

fn pem(made: &Made, file: &str) -> String {
    std::fs::read_to_string(made.path(file)).expect("the verb made it")
}

/// Calls as a party that trusts our CA and shows whatever it likes.
async fn show(made: &Made, address: &str, shown: Option<(String, String)>) -> Answer {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem(made, "client/ca.pem")));
    if let Some((certificate, key)) = shown {
        tls = tls.identity(Identity::from_pem(certificate, key));
    }
    let endpoint = Channel::from_shared(format!("https://{address}")).expect("an address");
    // What is explained is explained to somebody with a folder.
    let folder = load(&made.path("worker"));
    let told = |error: &(dyn std::error::Error + 'static)| {
        explain(error, address, Some(&folder)).unwrap_or(format!("unexplained: {error:?}"))
    };
    let channel = endpoint.tls_config(tls).expect("a pair").connect().await;
    let channel = channel.map_err(|error| told(&error))?;
    let reply = PeersClient::new(channel).members(MembersRequest {}).await;
    reply.map(|_| "passed".into()).map_err(|status| told(&status))
}

/// Puts a certificate in place of a folder's that the same CA signed, but long ago.
fn expire(made: &Made, folder: &str, uri: &str) {
    let ca_key = KeyPair::from_pem(&pem(made, "ca/key.pem")).expect("a key");
    let mut ca = CertificateParams::default();
    ca.distinguished_name = Default::default();
    ca.distinguished_name
        .push(DnType::CommonName, subject(&made.path("ca/ca.pem")));
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(uri.try_into().expect("plain"))];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, &Issuer::new(ca, ca_key)).expect("signed");
    std::fs::write(made.path(folder).join("cert.pem"), certificate.pem()).expect("written");
    std::fs::write(made.path(folder).join("key.pem"), key.serialize_pem()).expect("written");
}

/// The common name of a certificate, as OpenSSL reads it.
fn subject(certificate: &Path) -> String {
    let output = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-subject", "-nameopt", "multiline", "-in"])
        .arg(certificate)
        .output()
        .expect("openssl is installed");
    let text = String::from_utf8(output.stdout).expect("text");
    let line = text
        .lines()
        .find(|line| line.contains("commonName"))
        .expect("a name");
    line.split_once('=').expect("a value").1.trim().to_string()
}
