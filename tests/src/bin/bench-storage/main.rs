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

use imgcalc_shared::codec::Picture;
use imgcalc_tests::sections::{self, Sections};
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
    let sections = Sections::of_arguments(&SECTIONS)?;
    let root = sections::folder("storage")?;

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
    if sections.include("bytes") {
        bytes::run(&mut bench)?;
    }
    if sections.include("decode") {
        decode::run(&mut bench)?;
    }
    if sections.include("import") {
        import::run(&mut bench)?;
    }
    if sections.include("reads") {
        reads::run(&mut bench)?;
    }
    if sections.include("cold") {
        cold::run(&bench)?;
    }
    Ok(())
}
