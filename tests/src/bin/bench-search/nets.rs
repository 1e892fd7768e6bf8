//! `nets`: what ranks nets before they are trained, held against what all of them come to.
//!
//! Every candidate of a small space of both families is trained, with two seeds; the mean of their accuracies on test images
//! is the truth. What promises something of a net ranks all of them; of the five it ranks highest the most accurate on
//! validation images is taken.

mod agreement;
mod pool;
mod rankings;

use crate::table::Table;
use agreement::Concordance;
use imgcalc_tests::brute_force::builds::Builds;
use pool::Pool;
use rankings::Ranking;
use std::path::Path;

/// Seeds of first weights and of the order of images.
const SEEDS: [u64; 2] = [1, 2];
/// Nets that are trained of those ranked highest.
const TOP: usize = 5;

/// How well each ranks, and what is found by it.
pub fn tables(root: &Path, quick: bool) -> anyhow::Result<Vec<Table>> {
    let seeds = if quick { &SEEDS[..1] } else { &SEEDS };
    let pool = Pool::train(&Builds::prepare(root)?, seeds)?;
    let title = format!(
        "**{} nets ranked before they are trained**, {} of them `resnet_like`:",
        pool.len(),
        pool.residual()
    );
    let top = format!("best of its top {TOP}, %");
    let columns = [
        "",
        "tau",
        "95 %",
        "tau within a family",
        "95 %",
        &top,
        "trained before",
    ];
    let mut table = Table::new(title, &columns);
    for ranking in rankings::all(&pool)? {
        table.row(row(&pool, &ranking));
    }
    let of_random = pool.best_of_random(TOP);
    for (name, accuracy) in [
        (format!("best of {TOP} random nets"), of_random),
        ("mean of all nets".into(), pool.mean()),
        ("best of all nets".into(), pool.best()),
    ] {
        let mut cells = vec!["–".to_string(); columns.len()];
        cells[0] = name;
        cells[5] = format!("{accuracy:.2}");
        table.row(cells);
    }
    Ok(vec![table])
}

fn row(pool: &Pool, ranking: &Ranking) -> Vec<String> {
    let of_pairs = |pair: &dyn Fn(usize, usize) -> bool| {
        let concordance = Concordance::of(pool.len(), &ranking.runs, pair);
        let (low, high) = concordance.interval();
        [
            format!("{:.2}", concordance.tau()),
            format!("{low:.2} – {high:.2}"),
        ]
    };
    let [tau, interval] = of_pairs(&|_, _| true);
    let [within, interval_within] = of_pairs(&|a, b| pool.is_residual(a) == pool.is_residual(b));
    let picks = ranking.runs.iter().map(|run| pool.pick(run, TOP));
    vec![
        ranking.name.clone(),
        tau,
        interval,
        within,
        interval_within,
        format!("{:.2}", picks.sum::<f64>() / ranking.runs.len() as f64),
        ranking.trained.to_string(),
    ]
}
