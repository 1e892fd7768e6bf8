//! What it costs to derive a search anew from its results, as a leader does at every one of them.

use super::ETA;
use super::surrogate::Surrogate;
use crate::table::Table;
use imgcalc_shared::search::{Algorithm, Budget, Decision, Ended, Halving, Report, Search};
use std::collections::BTreeMap;
use std::time::Instant;

const TRIALS: u32 = 300;
const PARALLEL: usize = 8;
const REPEATS: usize = 5;

/// Milliseconds, and beside one training of the grid.
pub(super) fn table(surrogate: &Surrogate) -> Table {
    let title = format!("A whole search of {TRIALS} trials derived from its results, {PARALLEL} at once");
    let mut table = Table::new(title, &["search", "ms", "of one training"]);
    let bohb = |halving| Algorithm::Bohb { eta: ETA, halving };
    for (name, algorithm) in [
        ("BOHB, Hyperband", bohb(Halving::Hyperband)),
        ("BOHB, ASHA", bohb(Halving::Asha)),
        ("ASHA", Algorithm::Asha { eta: ETA }),
        ("random", Algorithm::Random {}),
    ] {
        let mut seconds: Vec<f64> = (0..REPEATS)
            .map(|seed| unfold(surrogate, algorithm, seed as u64))
            .collect();
        seconds.sort_by(f64::total_cmp);
        let median = seconds[REPEATS / 2];
        table.row(vec![
            name.into(),
            format!("{:.1}", 1e3 * median),
            format!("1/{:.0}", surrogate.seconds / median),
        ]);
    }
    table
}

/// Seconds, for the whole search is there.
fn unfold(surrogate: &Surrogate, algorithm: Algorithm, seed: u64) -> f64 {
    let search = Search {
        parameters: surrogate.parameters.clone(),
        algorithm,
        epochs: surrogate.epochs,
        budget: Budget {
            trainings: Some(TRIALS),
            ..Budget::default()
        },
        seed,
    };
    // Results are looked up, as a leader has them.
    let mut results: BTreeMap<String, Vec<Report>> = BTreeMap::new();
    // Of each trial its curve and how far it has come.
    let mut trials = BTreeMap::new();
    let mut order = 0;
    let whole = search.unfold(&PARALLEL.into(), |decision| {
        if let Decision::Start { trial, point, .. } = decision {
            trials.insert(*trial, (surrogate.curve(point), 0));
        }
        let until = decision.until()?;
        let (curve, reached) = trials.get_mut(&decision.trial())?;
        let after = std::mem::replace(reached, until);
        let report = |at: u32| Report {
            at,
            score: curve[at as usize - 1],
        };
        let reports: Vec<Report> = (after + 1..=until).map(report).collect();
        order += 1;
        results.insert(decision.to_string(), reports.clone());
        let reports = Some(reports);
        Some(Ended {
            order,
            took: None,
            reports,
        })
    });
    assert!(whole.is_over && whole.history.started() == TRIALS);
    let since = Instant::now();
    let mut order = 0;
    let again = search.unfold(&PARALLEL.into(), |decision| {
        order += 1;
        let reports = results.get(&decision.to_string()).cloned();
        reports.map(|reports| Ended {
            order,
            took: None,
            reports: Some(reports),
        })
    });
    let seconds = since.elapsed().as_secs_f64();
    assert!(again == whole);
    seconds
}
