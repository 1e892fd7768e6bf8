//! `make bench-accuracy`: the performance model against brute force, on real images.
//!
//! A small space is trained whole, every format from scratch, with several seeds; that is the truth. Then builds of
//! the chain are held against it: error, rank agreement, regret under time budgets, and cost, beside random sampling
//! and successive halving at the same cost, and beside what two brute-force seeds say of each other. Everything runs
//! through `imgcalc build`, so an interrupted run goes on where it was. `make bench-segments` (the argument `segments`)
//! compares chains that are cut with one that is not instead.

mod arms;
mod segments;
mod table;

use anyhow::Context;
use imgcalc_tests::brute_force::arms::{chain, random, successive_halving};
use imgcalc_tests::brute_force::metrics::{Score, Truth};
use imgcalc_tests::brute_force::runs::{Found, Runs};
use imgcalc_tests::brute_force::{DRAWS, SEEDS, all};
use imgcalc_tests::sections;
use serde_json::json;
use std::path::PathBuf;

/// Chains compared: name, choice of buckets, epochs of a link.
const CHAINS: [(&str, &str, u32); 4] = [
    ("chain, bend", "bend", 4),
    ("chain, uniform", "uniform", 4),
    ("chain, random", "random", 4),
    ("chain, bend, 2 epochs a link", "bend", 2),
];

fn main() -> anyhow::Result<()> {
    let runs = Runs::prepare(&sections::folder("accuracy")?)?;
    if std::env::args().nth(1).as_deref() == Some("segments") {
        println!("{}", segments::table(&runs, &SEEDS)?);
        return Ok(());
    }
    let (brute, truth) = all(&runs, &SEEDS)?;
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
        chains.push(scores(chain));
        table.push((name.to_string(), scores(chain)));
        table.push((format!("{name}, bucket maxima"), scores(arms::bucket_maximum)));
    }
    let cost = chains[0].cost;
    let randomly = random(&brute, &truth, cost, DRAWS);
    let modelled = arms::random_modelled(&brute, &truth, cost, DRAWS / 10);
    let halving = successive_halving(&brute, &truth, cost, DRAWS);
    table.push(("random, best seen".into(), randomly));
    table.push(("random, our model".into(), modelled));
    table.push(("successive halving".into(), halving));
    table.push(("another brute-force seed".into(), ceiling));

    println!("{}", table::markdown(&truth, &table));
    let ours = chains[0];
    for (peer_name, peer) in [
        ("random", randomly),
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
