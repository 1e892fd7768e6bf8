//! Section `cold`: what a build asks of a store, between an empty machine and a trained net.
//!
//! The store is a local S3 server behind a proxy that counts. The build has one format, so that all that is read of the
//! columns is one prefix a row group; ideal is one request for the footer and one for the prefix of each.

use crate::Bench;
use crate::import::{self, link};
use crate::ours;
use crate::table::Table;
use anyhow::Context;
use imgcalc_tests::spec::Spec;
use imgcalc_tests::store::{self, Answered, FaultProxy, S3Server};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

const BLOCK: i64 = 32;
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
    let proxy = FaultProxy::start(&server.address());
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
    let path = folder.join("spec.toml");
    spec(&base).write(&path);
    let data_dir = folder.join("data").display().to_string();
    proxy.take_answered();
    imgcalc(
        &proxy,
        &["--data-dir", &data_dir, "build", &path.display().to_string()],
    )?;
    print(&server, &proxy.take_answered())
}

fn print(server: &S3Server, requests: &[Answered]) -> anyhow::Result<()> {
    let of = |wanted: &dyn Fn(&Answered) -> bool| {
        let found = requests.iter().filter(|request| wanted(request));
        found.fold(Count::default(), |count, request| Count {
            requests: count.requests + 1,
            bytes: count.bytes + request.bytes,
        })
    };
    let column = |request: &Answered| request.path.contains("/columns/") && !request.path.contains('?');
    let get = |request: &Answered| request.method == "GET";
    let from_start = |request: &Answered| request.range.as_ref().is_none_or(|range| range.starts_with("0-"));
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
    let sum = |counts: &[Count]| Count {
        requests: counts.iter().map(|count| count.requests).sum(),
        bytes: counts.iter().map(|count| count.bytes).sum(),
    };
    for (name, count, ideal) in [
        ("HEAD of a column object", head, Count::default()),
        ("range with the footer", footers, ideal[0]),
        ("range of the prefix", prefixes, ideal[1]),
        ("together", sum(&[head, footers, prefixes]), sum(&ideal)),
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

fn imgcalc(proxy: &FaultProxy, arguments: &[&str]) -> anyhow::Result<()> {
    let status = import::imgcalc()
        .args(arguments)
        .envs(store::env(&proxy.address()))
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

/// One format, and one training that reads every image once.
fn spec(base: &str) -> Spec {
    let keeps = toml::Table::from_iter([("list".to_string(), vec![i64::from(KEEP)].into())]);
    Spec::tiny()
        .with("name", "cold")
        .with("base", base)
        .with("dataset", "crops")
        .with("space.samplings", vec!["1x1"])
        .with("space.blocks", vec![BLOCK])
        .with("space.keeps", keeps)
        .with("training.epochs", 1)
        .without("training.train_images")
        .without("training.validation_images")
        .without("training.test_images")
        .with("buckets.count", 1)
        .with("buckets.sampled", 1)
        .with("buckets.formats_per_bucket", 1)
        .with("workers.count", 1)
        .with("workers.threads", 2)
}
