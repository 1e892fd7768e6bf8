//! What searches are held against: everything of a small space trained.
//!
//! - [`builds`]: builds through the command line, in a data directory that keeps what was trained.
//! - [`runs`]: the builds over a space of 72 formats: brute force, the chain, the embedding.
//! - [`metrics`]: error, rank agreement, regret, cost.
//! - [`arms`]: what several benchmarks compare: the chain, and peers at some cost.

pub mod arms;
pub mod builds;
pub mod metrics;
pub mod runs;

use metrics::Truth;
use runs::{Found, Runs};

/// Seeds of brute force, and of what is held against it.
pub const SEEDS: [u64; 3] = [1, 2, 3];
/// Draws of the random peers.
pub const DRAWS: u64 = 300;

/// Brute force, seed by seed, and what it says; nothing is trained that was trained before.
pub fn all(runs: &Runs, seeds: &[u64]) -> anyhow::Result<(Vec<Found>, Truth)> {
    let brute: Vec<Found> = seeds
        .iter()
        .map(|&seed| runs.brute_force(seed))
        .collect::<anyhow::Result<_>>()?;
    let truth = Truth::of(&brute);
    Ok((brute, truth))
}
