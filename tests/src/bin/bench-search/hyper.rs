//! Section `hyper`: searches over hyper-parameters beside Optuna's, by how far from the best point they are at which cost.
//!
//! What is searched is a recorded grid of real trainings on Fashion-MNIST (`hyper/table.csv`): between its points curves
//! are interpolated, so that hundreds of searches run in seconds, and the best there is is known. RECORD=1 trains the grid
//! anew. Both sides have the same space, the same curves and as many epochs; time is virtual, and every training is as
//! fast as any other.
//!
//! The incumbent of a search is the point with the best score at the highest of the epochs 1, 3 and 9 that any of its
//! trials has come to; its regret is what the best point has more than it at the end of a whole training.

mod cost;
mod optuna;
mod ours;
mod record;
mod regret;
mod surrogate;

use crate::table::Table;
use anyhow::{Context, ensure};
use imgcalc_shared::search::{Algorithm, Halving};
use optuna::Peer;
use regret::{Quartiles, Trace};
use std::num::NonZero;
use std::path::Path;
use surrogate::Surrogate;

/// Searches of each kind, unless SEEDS says another number.
const SEEDS: u64 = 50;
/// Where they are compared, in whole trainings' epochs.
const BUDGETS: [u32; 5] = [5, 10, 20, 40, 80];
/// Trials side by side.
const SLOTS: [usize; 2] = [1, 4];
/// One trial of so many goes on.
const ETA: u32 = 3;
/// Epochs between two comparisons of a population.
const INTERVAL: u32 = 1;

/// Ours by name. A population is as large as the budget has trainings, and so another search at each.
fn algorithms() -> [(&'static str, Algorithm); 6] {
    let bohb = |halving| Algorithm::Bohb { eta: ETA, halving };
    let population = BUDGETS[0];
    [
        ("BOHB, Hyperband", bohb(Halving::Hyperband)),
        ("BOHB, ASHA", bohb(Halving::Asha)),
        ("ASHA", Algorithm::Asha { eta: ETA }),
        ("Hyperband", Algorithm::Hyperband { eta: ETA }),
        (
            "PBT, of as many as the budget has trainings",
            Algorithm::Pbt {
                population,
                interval: INTERVAL,
            },
        ),
        ("random", Algorithm::Random {}),
    ]
}

pub fn run(root: &Path) -> anyhow::Result<Vec<Table>> {
    if std::env::var_os("RECORD").is_some() {
        record::record(root)?;
    }
    let seeds = match std::env::var("SEEDS") {
        Ok(text) => text
            .parse()
            .with_context(|| format!("SEEDS={text}: write a number"))?,
        Err(_) => SEEDS,
    };
    let surrogate = Surrogate::read()?;
    let peer = Peer::start(&surrogate, seeds, *BUDGETS.last().unwrap_or(&1))?;
    let mut tables = SLOTS.map(|slots| {
        let budgets = BUDGETS.map(|budget| format!("{budget} trainings"));
        let budgets: Vec<&str> = budgets.iter().map(String::as_str).collect();
        let title = format!(
            "Regret in points of accuracy: median of {seeds} searches (quartiles), {slots} {} at once",
            if slots == 1 { "trial" } else { "trials" }
        );
        Table::new(title, &[&["search"], &budgets[..]].concat())
    });
    for (name, algorithm) in algorithms() {
        for (table, slots) in tables.iter_mut().zip(SLOTS) {
            table.row(row(name, regrets(&surrogate, algorithm, slots, seeds)));
        }
        eprintln!("hyper: our {name} is done");
    }
    let found = peer.finish()?;
    for (name, traces) in found.arms {
        for ((table, slots), traces) in tables.iter_mut().zip(SLOTS).zip(traces) {
            ensure!(
                traces.len() as u64 == seeds,
                "{name} with {slots} slots: {} searches",
                traces.len()
            );
            let of_budget =
                |budget| Quartiles::of(traces.iter().map(|trace| trace.regret(&surrogate, budget)));
            table.row(row(
                &format!("Optuna {}, {name}", found.version),
                BUDGETS.map(of_budget),
            ));
        }
    }
    let mut tables = Vec::from(tables);
    tables.push(cost::table(&surrogate));
    Ok(tables)
}

fn row(name: &str, regrets: [Quartiles; 5]) -> Vec<String> {
    let cells = regrets.iter().map(ToString::to_string);
    std::iter::once(name.to_string()).chain(cells).collect()
}

/// Regrets of ours at each budget over all seeds.
fn regrets(surrogate: &Surrogate, algorithm: Algorithm, slots: usize, seeds: u64) -> [Quartiles; 5] {
    let of =
        |traces: &[Trace], budget| Quartiles::of(traces.iter().map(|trace| trace.regret(surrogate, budget)));
    if let Algorithm::Pbt { interval, .. } = algorithm {
        return BUDGETS.map(|population| {
            let algorithm = Algorithm::Pbt { population, interval };
            of(
                &traces(surrogate, algorithm, slots, population, seeds),
                population,
            )
        });
    }
    let longest = BUDGETS.into_iter().max().unwrap_or(1);
    let traces = traces(surrogate, algorithm, slots, longest, seeds);
    BUDGETS.map(|budget| of(&traces, budget))
}

/// The searches of all seeds.
fn traces(surrogate: &Surrogate, algorithm: Algorithm, slots: usize, budget: u32, seeds: u64) -> Vec<Trace> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get) as u64;
    std::thread::scope(|scope| {
        let part = |thread| {
            scope.spawn(move || -> Vec<Trace> {
                let seeds = (thread..seeds).step_by(threads as usize);
                seeds
                    .map(|seed| ours::search(surrogate, algorithm, slots, seed, budget))
                    .collect()
            })
        };
        let parts: Vec<_> = (0..threads).map(part).collect();
        let joined = parts
            .into_iter()
            .map(|part| part.join().expect("a search does not panic"));
        joined.flatten().collect()
    })
}
