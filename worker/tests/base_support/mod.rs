//! What the tests of a base share: bases of all kinds, a real S3 server, a proxy that spoils requests.
#![allow(dead_code)]

pub mod faults;
pub mod http;
pub mod server;

use imgcalc_worker::data::{Base, Limits};
use server::S3Server;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

/// One above which objects move in pieces on S3, as the tests' limits have it.
pub const LARGE_BYTES: usize = 13 << 20;

static SERVER: OnceLock<S3Server> = OnceLock::new();
static COUNT: AtomicU32 = AtomicU32::new(0);

/// The server all tests of one binary share; it ends with the process.
pub fn server() -> &'static S3Server {
    SERVER.get_or_init(S3Server::start)
}

/// An empty prefix on it.
pub fn fresh_url() -> String {
    server().url(&format!("test {}/base", COUNT.fetch_add(1, Relaxed)))
}

/// Pieces as small as S3 takes, so that large objects of tests are not that large.
pub fn limits() -> Limits {
    Limits {
        request_bytes_max: 6 << 20,
        piece_bytes: 5 << 20,
        ..Limits::default()
    }
}

/// The same, giving up after a few tries and not after a time, which a slow machine may need for one of them.
pub fn impatient() -> Limits {
    Limits {
        retries_max: 1,
        back_off_first: Duration::from_millis(2),
        back_off_max: Duration::from_millis(20),
        ..limits()
    }
}

/// Runs a check on an empty base of every kind.
pub fn everywhere(check: impl Fn(&Base)) {
    let told = Told;
    let folder = tempfile::tempdir().unwrap();
    let disk = format!("file://{}/a new folder", folder.path().display());
    for url in ["memory://".to_string(), disk, fresh_url()] {
        eprintln!("on {url}");
        check(&Base::open_with(&url, &server().env(), limits()).unwrap());
    }
    drop(told);
}

/// Tells what the server said if the test fails.
pub struct Told;

impl Drop for Told {
    fn drop(&mut self) {
        if let (true, Some(server)) = (std::thread::panicking(), SERVER.get()) {
            eprintln!("the S3 server said at the end:\n{}", server.said());
        }
    }
}

/// Bytes that tell their place and their seed.
pub fn content(seed: u32, length: usize) -> Vec<u8> {
    let words =
        (0..length.div_ceil(4) as u32).flat_map(|at| (at ^ seed.wrapping_mul(0x9e37_79b9)).to_le_bytes());
    words.take(length).collect()
}
