//! `make bench-storage`: what columns cost and how fast they are, beside everything else one could keep images in.
//!
//! On 1,024 distinct crops of real photographs, 256×256, or on crops of your own (`PHOTOS=folder`), sampling 1x1:
//!
//! - `bytes`: bytes an image of twelve formats at three factors, ours beside peers and the order-0 bound; and what it
//!   costs to keep columns of each factor, or one set of q = 1 that all factors are derived from.
//! - `decode`: images a second and core of the same, JPEG decoders and a plain copy of memory, in turn in every round.
//! - `import`: images a second of `imgcalc data import`, and from files to columns of all families at three factors,
//!   beside JPEG decoding alone; speed of transform and encoder.
//! - `reads`: bytes read by trainings on nested keeps from one set of columns, from one file set a format, and as JPEG.
//! - `cold`: requests and bytes of a build that reads a prefix from a local S3 server.
//!
//! Without arguments all of them run. `QUICK=1` takes four formats, one factor, fewer crops and fewer rounds. Tables are
//! written to stdout as Markdown, progress to stderr. Speeds are in CPU time of one core unless a table says otherwise;
//! peers that bring threads have theirs counted too.
//!
//! `make` tells the allocator to keep what was freed, here and in the peers' process: a decoder that returns hundreds of
//! megabytes would otherwise be timed together with the kernel, which zeroes fresh pages in as long again.

mod bound;
mod bytes;
mod clock;
mod cold;
mod decode;
mod factors;
mod figures;
mod formats;
mod import;
mod jpeg;
mod machine;
mod ours;
mod peers;
mod photos;
mod reads;
mod table;
mod zstd_peer;

use imgcalc_shared::codec::Picture;
use imgcalc_tests::sections::{self, Sections};
use peers::Peers;
use std::path::PathBuf;
use std::time::Instant;

const SECTIONS: [&str; 5] = ["bytes", "decode", "import", "reads", "cold"];

/// Crops that a quick run takes.
const CROPS_QUICK: usize = 256;
/// Rounds of whole imports, of which each takes seconds.
const IMPORT_ROUNDS_MAX: usize = 3;

/// What every section works with.
struct Bench {
    /// Where everything is put.
    root: PathBuf,
    quick: bool,
    /// How often each time is taken.
    rounds: usize,
    pictures: Vec<Picture>,
    peers: Peers,
    began: Instant,
}

fn main() -> anyhow::Result<()> {
    let sections = Sections::of_arguments(&SECTIONS)?;
    let root = sections::folder("storage")?;

    let quick = std::env::var("QUICK").is_ok_and(|value| value == "1");
    let mut peers = Peers::start(&root.join("scratch"))?;
    let versions = peers.versions()?;
    let mut photos = photos::prepare(&mut peers, &root)?;
    if quick {
        photos.crops.truncate(CROPS_QUICK);
    }
    let rounds = if quick { 3 } else { 5 };
    println!("On {}: {}.", machine::described(), photos.told);
    if quick {
        println!(
            "QUICK=1: {CROPS_QUICK} of the crops only, so columns of fewer images, which take more bytes per image."
        );
    }
    println!(
        "Speeds are one thread's, in CPU time, unless a table says otherwise: medians of {rounds} rounds in each of which \
        everything has its turn ({} in section import). Peers: {versions}.",
        rounds.min(IMPORT_ROUNDS_MAX)
    );
    let mut bench = Bench {
        root,
        quick,
        rounds,
        pictures: photos.crops,
        peers,
        began: Instant::now(),
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
        bench.progress("cold: import and build");
        cold::run(&bench)?;
    }
    bench.progress("done");
    Ok(())
}

impl Bench {
    /// Says what is being done and how long the run has taken until now.
    fn progress(&self, what: &str) {
        eprintln!("{:4.0} s  {what}", self.began.elapsed().as_secs_f64());
    }
}
