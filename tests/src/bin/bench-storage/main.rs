//! `make bench-storage`: what columns cost and how fast they are, beside everything else one could keep images in.
//!
//! On 1,024 distinct crops of real photographs, 256×256, or on crops of your own (`PHOTOS=folder`), sampling 1x1:
//!
//! - `bytes`: bytes an image of twelve formats at three factors, ours beside peers and the order-0 bound.
//! - `decode`: images a second and core of the same, JPEG decoders and a plain copy of memory, in turn in every round.
//! - `import`: images a second of `imgcalc data import` beside JPEG decoding alone; speed of transform and encoder.
//! - `reads`: bytes read by trainings on nested keeps from one set of columns, from one file set a format, and as JPEG.
//! - `cold`: requests and bytes of a build that reads a prefix from a local S3 server.
//!
//! Without arguments all of them run. `QUICK=1` takes four formats, one factor and fewer rounds. Speeds are in CPU time
//! of one core unless a table says otherwise; peers that bring threads have theirs counted too.

mod bound;
mod bytes;
mod clock;
mod cold;
mod cold_proxy;
mod decode;
mod figures;
mod formats;
mod import;
mod ours;
mod peers;
mod photos;
mod reads;
mod table;
mod zstd_peer;

use anyhow::Context;
use imgcalc_shared::codec::Picture;
use peers::Peers;
use serde_json::json;
use std::path::PathBuf;

const SECTIONS: [&str; 5] = ["bytes", "decode", "import", "reads", "cold"];

/// What every section works with.
struct Bench {
    /// Where everything is put.
    root: PathBuf,
    quick: bool,
    /// How often each time is taken.
    rounds: usize,
    pictures: Vec<Picture>,
    peers: Peers,
}

fn main() -> anyhow::Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| !SECTIONS.contains(&name.as_str())) {
        anyhow::bail!(
            "there is no section {unknown}; choose among {}",
            SECTIONS.join(", ")
        );
    }
    let wants = |section: &str| wanted.is_empty() || wanted.iter().any(|name| name == section);
    let root = PathBuf::from("target/bench/storage");
    std::fs::create_dir_all(&root).context("cannot make target/bench/storage")?;
    let root = std::fs::canonicalize(root)?;

    let quick = std::env::var("QUICK").is_ok_and(|value| value == "1");
    let mut peers = Peers::start(&root.join("scratch"))?;
    println!("Peers: {}", peers.ask(&json!({"do": "versions"}))?);
    let pictures = photos::prepare(&mut peers, &root)?;
    let mut bench = Bench {
        root,
        quick,
        rounds: if quick { 3 } else { 5 },
        pictures,
        peers,
    };
    if wants("bytes") {
        bytes::run(&mut bench)?;
    }
    if wants("decode") {
        decode::run(&mut bench)?;
    }
    if wants("import") {
        import::run(&mut bench)?;
    }
    if wants("reads") {
        reads::run(&mut bench)?;
    }
    if wants("cold") {
        cold::run(&bench)?;
    }
    Ok(())
}
