//! `make bench-accuracy`: the performance model against brute force, on real images.
//!
//! A small space is trained whole, every format from scratch, with several seeds; that is the truth. Then builds of
//! the chain are held against it: error, rank agreement, regret under time budgets, and cost, beside random sampling
//! and successive halving at the same cost, and beside what two brute-force seeds say of each other. Everything runs
//! through `imgcalc build`, so an interrupted run goes on where it was. `make bench-segments` (the argument `segments`)
//! compares chains that are cut with one that is not instead.

mod arms;
mod metrics;
mod runs;
mod segments;

use anyhow::Context;
use metrics::{Score, Truth};
use runs::{Found, Runs};
use serde_json::json;
use std::path::PathBuf;

/// Seeds of brute force, and of the chain.
const SEEDS: [u64; 3] = [1, 2, 3];
/// Chains compared: name, choice of buckets, epochs of a link.
const CHAINS: [(&str, &str, u32); 4] = [
    ("chain, bend", "bend", 4),
    ("chain, uniform", "uniform", 4),
    ("chain, random", "random", 4),
    ("chain, bend, 2 epochs a link", "bend", 2),
];
/// Draws of the random peers.
const DRAWS: u64 = 300;

fn main() -> anyhow::Result<()> {
    let root = PathBuf::from("target/bench/accuracy");
    let runs = Runs::prepare(&root)?;
    if std::env::args().nth(1).as_deref() == Some("segments") {
        println!("{}", segments::table(&runs, &SEEDS)?);
        return Ok(());
    }
    let brute: Vec<Found> = SEEDS
        .iter()
        .map(|&seed| runs.brute_force(seed))
        .collect::<anyhow::Result<_>>()?;
    let truth = Truth::of(&brute);
    let mut table = Vec::new();
    let mut rows = Vec::new();

    let ceiling = arms::seeds_against_each_other(&brute, &truth);
    let mut chains = Vec::new();
    for (name, choice, epochs) in CHAINS {
        let found: Vec<Found> = SEEDS
            .iter()
            .map(|&seed| runs.chain(seed, choice, epochs, 1))
            .collect::<anyhow::Result<_>>()?;
        let scores = |arm: fn(&Found, &Truth) -> Score| {
            Score::mean(&found.iter().map(|found| arm(found, &truth)).collect::<Vec<_>>())
        };
        chains.push(scores(arms::chain));
        table.push((name.to_string(), scores(arms::chain)));
        table.push((format!("{name}, bucket maxima"), scores(arms::bucket_maximum)));
    }
    let cost = chains[0].cost;
    let random = arms::random(&brute, &truth, cost, DRAWS);
    let modelled = arms::random_modelled(&brute, &truth, cost, DRAWS / 10);
    let halving = arms::successive_halving(&brute, &truth, cost, DRAWS);
    table.push(("random, best seen".into(), random));
    table.push(("random, our model".into(), modelled));
    table.push(("successive halving".into(), halving));
    table.push(("another brute-force seed".into(), ceiling));

    println!("{}", metrics::markdown(&truth, &table));
    let ours = chains[0];
    for (peer_name, peer) in [
        ("random", random),
        ("successive halving", halving),
        ("another brute-force seed", ceiling),
    ] {
        for (what, unit, ours, peer) in [
            ("mean regret", "points", ours.regret, peer.regret),
            (
                "mean absolute error",
                "points",
                ours.error.unwrap_or(f64::NAN),
                peer.error.unwrap_or(f64::NAN),
            ),
            ("cost", "epochs on pixels", ours.cost, peer.cost),
        ] {
            if ours.is_finite() && peer.is_finite() {
                let ratio = peer / ours.max(f64::MIN_POSITIVE);
                rows.push(json!({
                    "what": what, "unit": unit, "ours": ours, "peer": peer, "peer_name": peer_name, "ratio": ratio,
                }));
            }
        }
    }
    let out = PathBuf::from("target/bench/accuracy.json");
    std::fs::write(&out, serde_json::to_vec_pretty(&rows)?)
        .with_context(|| format!("cannot write {}", out.display()))?;
    eprintln!("rows: {}", out.display());
    Ok(())
}
