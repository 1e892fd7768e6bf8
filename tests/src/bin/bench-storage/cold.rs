//! Section `cold`: what a build asks of a store, between an empty machine and a trained net.
//!
//! The store is a local S3 server behind a proxy that counts. The build has one format, so that all that is read of the
//! columns is one prefix a row group; ideal is one request for the footer and one for the prefix of each.

use crate::Bench;
use crate::cold_proxy::{CountingProxy, Request};
use crate::import::link;
use crate::ours;
use crate::table::Table;
use anyhow::Context;
use imgcalc_tests::programs;
use imgcalc_tests::store::{self, S3Server};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

const BLOCK: u16 = 32;
const KEEP: u16 = 8;
/// Names of every crop: as many row groups of 1,024.
const LINKS: usize = 2;

const SIGNATURE: &str = "AWS4-HMAC-SHA256 \
    Credential=test-key/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

/// Requests and bytes of their answers.
#[derive(Clone, Copy, Default)]
struct Count {
    requests: usize,
    bytes: usize,
}

/// Measures and prints.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let server = S3Server::start();
    let proxy = CountingProxy::start(&server.address())?;
    let base = server.url("base");
    let images = link(&bench.root, 96, LINKS)?.display().to_string();
    imgcalc(
        &proxy,
        &[
            "data",
            "import",
            &images,
            "--base",
            &base,
            "--name=crops",
            "--size=256",
        ],
    )?;
    let folder = bench.root.join("cold");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let spec = folder.join("spec.toml");
    std::fs::write(&spec, spec_text(&base))?;
    let data_dir = folder.join("data").display().to_string();
    proxy.take();
    imgcalc(
        &proxy,
        &["--data-dir", &data_dir, "build", &spec.display().to_string()],
    )?;
    print(&server, &proxy.take())
}

fn print(server: &S3Server, requests: &[Request]) -> anyhow::Result<()> {
    let of = |wanted: &dyn Fn(&Request) -> bool| {
        let found = requests.iter().filter(|request| wanted(request));
        found.fold(Count::default(), |count, request| Count {
            requests: count.requests + 1,
            bytes: count.bytes + request.bytes,
        })
    };
    let column = |request: &Request| request.path.contains("/columns/") && !request.path.contains('?');
    let get = |request: &Request| request.method == "GET";
    let from_start = |request: &Request| request.range.as_ref().is_none_or(|range| range.starts_with("0-"));
    let head = of(&|request| column(request) && request.method == "HEAD");
    let footers = of(&|request| column(request) && get(request) && !from_start(request));
    let prefixes = of(&|request| column(request) && get(request) && from_start(request));

    let read = requests.iter().filter(|request| column(request) && get(request));
    let objects: BTreeSet<&str> = read.map(|request| request.path.as_str()).collect();
    anyhow::ensure!(
        !objects.is_empty(),
        "the build read no columns; is there a new way to read them?"
    );
    let mut ideal = [Count::default(); 2];
    for path in &objects {
        let object = fetch(server, path)?;
        let prefix = ours::footer(&object)?.prefix(KEEP)?.end as usize;
        // Everything is kept that is stored: what follows the prefix is the footer.
        for (count, bytes) in ideal.iter_mut().zip([object.len() - prefix, prefix]) {
            count.requests += 1;
            count.bytes += bytes;
        }
    }

    let title = format!(
        "Cold read of 1x1-b{BLOCK}-k{KEEP}-q50 from S3 by the one training of a build, {} row groups of 1,024 images",
        objects.len()
    );
    let mut table = Table::new(title, ["requests", "ideal", "bytes", "ideal", "times ideal"]);
    for (name, count, ideal) in [
        ("HEAD of a column object", head, Count::default()),
        ("range with the footer", footers, ideal[0]),
        ("range of the prefix", prefixes, ideal[1]),
    ] {
        let times = count.bytes as f64 / ideal.bytes as f64;
        let times = if times.is_finite() {
            format!("{times:.2}")
        } else {
            "–".into()
        };
        let numbers = [count.requests, ideal.requests, count.bytes, ideal.bytes];
        table.words(
            name,
            numbers
                .map(|number| number.to_string())
                .into_iter()
                .chain([times]),
        );
    }
    table.print();
    Ok(())
}

/// An object as a whole. The server wants a signature and does not look at it.
fn fetch(server: &S3Server, path: &str) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server.address())?;
    let host = server.address();
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: {host}\r\nAuthorization: {SIGNATURE}\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let body = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .context("the S3 server answers")?;
    anyhow::ensure!(
        answer.starts_with(b"HTTP/1.") && answer[8..].starts_with(b" 200"),
        "no object at {path}"
    );
    Ok(answer.split_off(body + 4))
}

fn imgcalc(proxy: &CountingProxy, arguments: &[&str]) -> anyhow::Result<()> {
    let status = programs::imgcalc()
        .args(arguments)
        .envs(store::env(proxy.address()))
        .stdout(Stdio::null())
        .status()
        .context("cannot start imgcalc; `make build` makes it")?;
    anyhow::ensure!(
        status.success(),
        "imgcalc {} failed; see above",
        arguments.join(" ")
    );
    Ok(())
}

fn spec_text(base: &str) -> String {
    format!(
        r#"name = "cold"
base = {base:?}
dataset = "crops"

[space]
samplings = ["1x1"]
blocks = [{BLOCK}]
keeps = {{ list = [{KEEP}] }}
quants = [50]

[net]
name = "small_resnet"
width = 2
blocks = [1]

[training]
epochs = 1
epochs_transfer = 1
batch_size = 32

[buckets]
count = 1
sampled = 1
formats_per_bucket = 1

[profile]
batch = 16
jpeg_qualities = [75]

[workers]
count = 1
threads = 2
"#
    )
}
