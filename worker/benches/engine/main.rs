//! `make bench-engine`: how fast the worker trains, beside PyTorch, and what it reads and holds for it.
//!
//! On 2,000 JPEG files of 64×64, cut from real photographs (`PHOTOS=folder` takes others) and brought into a base by
//! the import that users have:
//!
//! - `epochs`: training images a second of each net on formats and on pixels, beside PyTorch on tensors that lie in
//!   memory already (the limit: no data path at all) and beside PyTorch with a loader of JPEG files.
//! - `shared`: four trainings on one family on one worker, beside the same four on workers of their own.
//! - `augment`: images a second of each augmentation, beside torchvision's on pixels and a block DCT.
//! - `memory`: the largest memory of a training, in a process of its own.
//!
//! Without arguments all of them run. `NETS='resnet18 …'` or `NETS=all` chooses nets, `THREADS=n` the threads of both
//! sides, `QUICK=1` takes fewer nets, formats and rounds. Tables are written to stdout as Markdown, progress to stderr.
//! Times are wall times: whoever wants figures keeps the machine free of other work. Sides take turns in every round,
//! and a ratio is the median of those of the rounds, so that what slows the machine slows both.

mod augment;
mod choice;
mod device;
mod epochs;
mod figures;
mod images;
mod machine;
mod memory;
mod ours;
mod peer;
mod photos;
mod shared;
mod table;

use choice::Choice;
use peer::Peer;
use std::path::Path;
use std::time::Instant;

/// What every section works with.
struct Bench {
    choice: Choice,
    /// Whether there is a GPU; both sides compute on it then.
    gpu: bool,
    photos: photos::Photos,
    began: Instant,
}

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // Must come before anything else asks for a device.
    if let [first, ask] = &words[..]
        && first == memory::CHILD
    {
        return memory::child(ask);
    }
    // `cargo test --all-targets` starts benches too, without this argument.
    if !words.iter().any(|word| word == "--bench") {
        return Ok(());
    }
    let choice = Choice::of(words.into_iter().filter(|word| word != "--bench"))?;
    let began = Instant::now();
    let gpu = imgcalc_engine::load_cuda();
    imgcalc_engine::set_threads(choice.threads.into());
    // Programs of this package run in its folder.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench/engine");
    std::fs::create_dir_all(&root)?;
    let photos = photos::prepare(&root.canonicalize()?)?;
    let bench = Bench {
        choice,
        gpu,
        photos,
        began,
    };
    bench.run()
}

impl Bench {
    fn run(&self) -> anyhow::Result<()> {
        let peers = ["epochs", "augment"];
        let mut peer = match peers.iter().any(|section| self.choice.includes(section)) {
            true => Some(Peer::start(self.choice.threads)?),
            false => None,
        };
        println!("On {}: {}.", machine::described(), self.photos.told);
        println!(
            "Ours: imgcalc-worker {}, {}. Peers: {}.",
            env!("CARGO_PKG_VERSION"),
            imgcalc_engine::fingerprint(),
            peer.as_ref()
                .map_or("none in these sections".into(), Peer::described)
        );
        if self.choice.quick {
            println!("QUICK=1: fewer nets, formats and rounds.");
        }
        if !self.gpu {
            println!(
                "**NO GPU: NOT MEASURED.** There is none that libtorch can use here, so all of this is the CPU's."
            );
        }
        for section in choice::SECTIONS.iter().filter(|name| self.choice.includes(name)) {
            match (*section, &mut peer) {
                ("epochs", Some(peer)) => epochs::run(self, peer)?,
                ("augment", Some(peer)) => augment::run(self, peer)?,
                ("shared", _) => shared::run(self)?,
                ("memory", _) => memory::run(self)?,
                _ => {}
            }
        }
        self.progress("done");
        Ok(())
    }

    /// Says what is being done and how long the run has taken until now.
    fn progress(&self, what: &str) {
        eprintln!("{:4.0} s  {what}", self.began.elapsed().as_secs_f64());
    }
}
