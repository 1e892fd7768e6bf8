//! What the security tests share: folders made by the verb itself, a server with a service of the project, and calls.

use imgcalc_coordinator::server::auth::Auth;
use imgcalc_proto::security::{Bearer, Credentials, endpoint, explain, server_tls};
use imgcalc_proto::v1::builds_client::BuildsClient;
use imgcalc_proto::v1::peers_client::PeersClient;
use imgcalc_proto::v1::peers_server::{Peers, PeersServer};
use imgcalc_proto::v1::workers_client::WorkersClient;
use imgcalc_proto::v1::*;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::Routes;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status, Streaming};

/// Runs `imgcalc certs` with these arguments.
pub fn certs(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_imgcalc"))
        .arg("certs")
        .args(arguments)
        .output()
        .expect("imgcalc starts")
}

/// What `imgcalc certs new` made in a fresh folder.
pub struct Made(TempDir);

impl Made {
    pub fn new() -> Made {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let made = Made(folder);
        let output = certs(&["new", made.dir()]);
        assert!(output.status.success(), "{output:?}");
        made
    }

    pub fn dir(&self) -> &str {
        self.0
            .path()
            .to_str()
            .expect("a temporary folder has a plain name")
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    pub fn load(&self, folder: &str) -> Credentials {
        load(&self.path(folder))
    }
}

pub fn load(folder: &Path) -> Credentials {
    let loaded = Credentials::load(Some(folder)).expect("the folder is good");
    loaded.expect("a folder was given")
}

/// A service of the project that counts nothing and says yes.
struct Yes;

#[tonic::async_trait]
impl Peers for Yes {
    async fn deliver(&self, _: Request<Streaming<PeerFrame>>) -> Result<Response<DeliverReply>, Status> {
        Ok(Response::new(DeliverReply {}))
    }

    async fn members(&self, request: Request<MembersRequest>) -> Result<Response<MembersReply>, Status> {
        // The guard keeps the secret to itself.
        assert!(request.metadata().get("authorization").is_none());
        Ok(Response::new(MembersReply {
            group: "yes".into(),
            ..MembersReply::default()
        }))
    }

    async fn change(&self, _: Request<ChangeRequest>) -> Result<Response<ChangeReply>, Status> {
        Ok(Response::new(ChangeReply {}))
    }
}

/// Serves on a free loopback port until the runtime ends, and gives the address.
pub async fn serve(credentials: Option<&Credentials>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let mut server = Server::builder();
    if let Some(credentials) = credentials {
        let tls = server_tls(credentials).expect("a peer's credentials");
        server = server.tls_config(tls).expect("they serve");
    }
    let auth = Auth::of(credentials).expect("the coordinator's tokens are there");
    let routes = Routes::new(PeersServer::new(Yes)).prepare();
    tokio::spawn(server.serve_with_incoming(auth.guard(routes), TcpListenerStream::new(listener)));
    address
}

/// What a call gave: what came back, or the error as people are shown it.
pub type Answer = Result<String, String>;

/// Connects and calls; a failing line is explained, a status is as the coordinator wrote it.
async fn call<T, F>(
    address: &str,
    credentials: Option<&Credentials>,
    call: impl FnOnce(Channel, Bearer) -> F,
) -> Answer
where
    F: Future<Output = Result<Response<T>, Status>>,
    T: std::fmt::Debug,
{
    let endpoint = endpoint(address, credentials).map_err(|error| error.to_string())?;
    let channel = match endpoint.connect().await {
        Ok(channel) => channel,
        Err(error) => {
            return Err(explain(&error, address, credentials).unwrap_or(format!("unexplained: {error:?}")));
        }
    };
    match call(channel, Bearer::of(credentials)).await {
        Ok(reply) => Ok(format!("{:?}", reply.into_inner())),
        Err(status) => Err(match explain(&status, address, credentials) {
            Some(explained) => explained,
            None => format!("{:?}: {}", status.code(), status.message()),
        }),
    }
}

pub async fn members(address: &str, credentials: Option<&Credentials>) -> Answer {
    call(address, credentials, |channel, bearer| async {
        let mut client = PeersClient::with_interceptor(channel, bearer);
        client.members(MembersRequest {}).await
    })
    .await
}

pub async fn deliver(address: &str, credentials: Option<&Credentials>) -> Answer {
    call(address, credentials, |channel, bearer| async {
        let mut client = PeersClient::with_interceptor(channel, bearer);
        client.deliver(tokio_stream::iter([PeerFrame::default()])).await
    })
    .await
}

pub async fn overview(address: &str, credentials: Option<&Credentials>) -> Answer {
    call(address, credentials, |channel, bearer| async {
        let mut client = BuildsClient::with_interceptor(channel, bearer);
        client.overview(OverviewRequest {}).await
    })
    .await
}

pub async fn register(address: &str, credentials: Option<&Credentials>) -> Answer {
    call(address, credentials, |channel, bearer| async {
        let mut client = WorkersClient::with_interceptor(channel, bearer);
        client.register(RegisterRequest::default()).await
    })
    .await
}

/// Expects an error that has all of these in it.
#[track_caller]
pub fn assert_says(answer: Answer, words: &[&str]) {
    let error = answer.expect_err("this must not pass");
    for word in words {
        assert!(error.contains(word), "{word:?} is not in: {error}");
    }
}
