//! A real server of the S3 protocol for tests: moto, on a free port of loopback, all in memory.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The place every server has.
pub const PLACE: &str = "place";

/// Set up by `make setup-test`.
const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.deps/python");
/// It imports a good deal before it listens, and the machine may be busy.
const START_LIMIT: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(50);
/// Last lines of its output that are shown.
const LINES_SHOWN: usize = 40;

/// Ends when its stdin does, so it never outlives a test that was killed. Port 0 is one that is free.
const PROGRAM: &str = "
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
from moto.server import main
main(['-H', '127.0.0.1', '-p', '0'])
";

/// A server. Dropping kills it.
#[derive(Debug)]
pub struct S3Server {
    child: Child,
    port: u16,
    output: PathBuf,
    _folder: TempDir,
}

impl S3Server {
    /// Starts one and makes its place.
    ///
    /// # Panics
    /// If it is not set up or does not start.
    pub fn start() -> S3Server {
        assert!(
            Path::new(PACKAGES).join("moto").is_dir(),
            "the S3 server is not set up: run `make setup-test`"
        );
        let folder = tempfile::tempdir().expect("a temporary folder");
        let output = folder.path().join("output");
        let file = File::create(&output).expect("a file for output");
        let mut child = Command::new("python3")
            .args(["-c", PROGRAM])
            .env("PYTHONPATH", PACKAGES)
            .env("PYTHONUNBUFFERED", "1")
            .stdin(Stdio::piped())
            .stdout(file.try_clone().expect("a file handle can be shared"))
            .stderr(file)
            .spawn()
            .expect("python3 can be started");
        let end = Instant::now() + START_LIMIT;
        let port = loop {
            let said = std::fs::read_to_string(&output).unwrap_or_default();
            if let Some(port) = port(&said) {
                break port;
            }
            if Instant::now() >= end || !matches!(child.try_wait(), Ok(None)) {
                let _ = child.kill();
                panic!("the S3 server does not start:\n{said}");
            }
            std::thread::sleep(POLL);
        };
        let server = S3Server {
            child,
            port,
            output,
            _folder: folder,
        };
        server.make_place(PLACE);
        server
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The URL of a base below the place.
    pub fn url(&self, prefix: &str) -> String {
        format!("s3://{PLACE}/{prefix}")
    }

    /// What a client must have in its environment.
    pub fn env(&self) -> Vec<(String, String)> {
        env(&self.address())
    }

    /// Makes a place of any name.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn make_place(&self, name: &str) {
        let mut stream = TcpStream::connect(self.address()).expect("the S3 server listens");
        let request = format!(
            "PUT /{name} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.address()
        );
        stream
            .write_all(request.as_bytes())
            .expect("the S3 server takes a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the S3 server answers");
        assert!(
            answer.split(' ').nth(1) == Some("200"),
            "the place {name} cannot be made: {answer}"
        );
    }

    /// The end of what it said so far.
    pub fn said(&self) -> String {
        let said = std::fs::read_to_string(&self.output).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the S3 server said at the end:\n{}", self.said());
        }
    }
}

/// What a client must have in its environment to reach a store at this address, which may be that of a proxy.
pub fn env(address: &str) -> Vec<(String, String)> {
    let variables = [
        ("AWS_ENDPOINT", format!("http://{address}")),
        ("AWS_ALLOW_HTTP", "true".into()),
        ("AWS_ACCESS_KEY_ID", "test-key".into()),
        ("AWS_SECRET_ACCESS_KEY", "test-secret".into()),
        ("AWS_REGION", "us-east-1".into()),
        // A proxy that this machine has for the world outside is none for loopback; one named here, and excluded at
        // once, takes the place of those that the environment names.
        ("AWS_PROXY_URL", "http://127.0.0.1:1".into()),
        ("AWS_PROXY_EXCLUDES", "127.0.0.1".into()),
    ];
    variables
        .into_iter()
        .map(|(name, value)| (name.to_string(), value))
        .collect()
}

fn port(said: &str) -> Option<u16> {
    let (_, rest) = said.split_once("Running on http://127.0.0.1:")?;
    // A line that is not whole yet may hold half a port.
    let (line, _) = rest.split_once('\n')?;
    line.trim().parse().ok()
}
