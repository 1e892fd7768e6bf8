//! `formats`: formats found by embedding, by the chain and by peers, held against brute force.
//!
//! The truth, the chain and the costs are those of `make bench-accuracy`, in its folder, so that nothing is trained twice. Cost
//! is in epochs over images at their full size: images passed through a net, forth and back, times the share of the plane.
//! Profiles, which every search needs that keeps a time budget, are not counted.

use crate::table::Table;
use anyhow::Context;
use imgcalc_shared::embedding::EmbeddingFacts;
use imgcalc_shared::format::Format;
use imgcalc_tests::brute_force::arms::{chain, cost, mean_over_draws, random, successive_halving};
use imgcalc_tests::brute_force::metrics::{BUDGETS, Score, Truth};
use imgcalc_tests::brute_force::runs::{Found, Runs};
use imgcalc_tests::brute_force::{DRAWS, SEEDS, all};
use imgcalc_tests::dice::Dice;
use imgcalc_tests::sections;
use std::collections::BTreeMap;

/// Epochs of a link, of the chain and of the walk.
const EPOCHS_LINK: u32 = 4;

/// What each search finds and what that costs, then the accuracy at each budget.
pub fn tables(quick: bool) -> anyhow::Result<Vec<Table>> {
    let runs = Runs::prepare(&sections::folder("accuracy")?)?;
    let seeds = if quick { &SEEDS[..1] } else { &SEEDS };
    let (brute, truth) = all(&runs, seeds)?;
    // What trains nothing is cheap: it has all seeds even where one is all there is of what it is held against.
    let walks = of_seeds(&SEEDS, |seed| runs.embedding(seed, EPOCHS_LINK, false))?;
    let trained = of_seeds(seeds, |seed| runs.embedding(seed, EPOCHS_LINK, true))?;
    let bend = of_seeds(seeds, |seed| runs.chain(seed, "bend", EPOCHS_LINK, 1))?;
    let uniform = of_seeds(seeds, |seed| runs.chain(seed, "uniform", EPOCHS_LINK, 1))?;

    let walked = mean(&walks, |found| walk(found, &truth))?;
    let chained = mean(&bend, |found| Ok(chain(found, &truth)))?;
    let mut rows = vec![
        ("embedding, nothing trained".to_string(), walked),
        (
            "embedding, the walk trained".into(),
            mean(&trained, |found| trained_walk(found, &truth))?,
        ),
        (
            "embedding, the walk trained, our model".into(),
            mean(&trained, |found| modelled_walk(found, &truth))?,
        ),
        ("chain, bend".into(), chained),
        (
            "chain, uniform".into(),
            mean(&uniform, |found| Ok(chain(found, &truth)))?,
        ),
    ];
    for (of, budget) in [("the embedding", walked.cost), ("the chain", chained.cost)] {
        let drawn = random(&brute, &truth, budget, DRAWS);
        let halved = successive_halving(&brute, &truth, budget, DRAWS);
        rows.push((format!("random, best seen, at the cost of {of}"), drawn));
        rows.push((format!("successive halving, at the cost of {of}"), halved));
    }
    rows.push(("densest within the budget".into(), densest(&truth)));
    rows.push(("any format within the budget".into(), any(&truth)));
    Ok(vec![
        found(&truth, &rows, seeds.len() as f64),
        at_budgets(&truth, &rows),
    ])
}

fn of_seeds(seeds: &[u64], build: impl Fn(u64) -> anyhow::Result<Found>) -> anyhow::Result<Vec<Found>> {
    seeds.iter().map(|&seed| build(seed)).collect()
}

fn mean(found: &[Found], score: impl Fn(&Found) -> anyhow::Result<Score>) -> anyhow::Result<Score> {
    let scores: Vec<Score> = found.iter().map(score).collect::<anyhow::Result<_>>()?;
    Ok(Score::mean(&scores))
}

fn facts(found: &Found) -> anyhow::Result<&EmbeddingFacts> {
    let facts = found.embedding.as_ref();
    facts.context("a build by embedding has no walk; its log says why")
}

/// The walk as it is: within a budget the step that agrees most.
fn walk(found: &Found, truth: &Truth) -> anyhow::Result<Score> {
    let facts = facts(found)?;
    let steps = facts.steps.iter();
    let agreement: BTreeMap<Format, f64> = steps.map(|step| (step.format, step.agreement)).collect();
    Ok(truth.choice(|format| agreement.get(&format).copied(), 0.0, facts.cost_epochs))
}

/// The walk with its formats trained: within a budget the most accurate of them.
fn trained_walk(found: &Found, truth: &Truth) -> anyhow::Result<Score> {
    let trained = found.trained.iter();
    let seen: BTreeMap<Format, f64> = trained
        .map(|training| (training.format, training.accuracy))
        .collect();
    let cost = facts(found)?.cost_epochs + cost(&found.trained);
    Ok(truth.choice(
        |format| seen.get(&format).copied(),
        found.trained.len() as f64,
        cost,
    ))
}

/// The same trainings under the performance model, which speaks of every format.
fn modelled_walk(found: &Found, truth: &Truth) -> anyhow::Result<Score> {
    let score = chain(found, truth);
    Ok(Score {
        cost: score.cost + facts(found)?.cost_epochs,
        ..score
    })
}

/// Within a budget the format that keeps the most.
fn densest(truth: &Truth) -> Score {
    let mut order: Vec<Format> = truth.formats.iter().map(|(format, _)| *format).collect();
    order.sort_by(|a, b| b.density_order(*a));
    in_order(truth, &order)
}

/// Within a budget a format drawn at random, untrained.
fn any(truth: &Truth) -> Score {
    let mut order: Vec<Format> = truth.formats.iter().map(|(format, _)| *format).collect();
    order.sort();
    mean_over_draws(DRAWS, |draw| {
        let mut drawn = order.clone();
        Dice::new(draw).shuffle(&mut drawn);
        in_order(truth, &drawn)
    })
}

/// Within a budget the last of an order that somebody has without any training.
fn in_order(truth: &Truth, order: &[Format]) -> Score {
    let place = |format| order.iter().position(|other| *other == format);
    truth.choice(|format| place(format).map(|place| place as f64), 0.0, 0.0)
}

fn found(truth: &Truth, rows: &[(String, Score)], seeds: f64) -> Table {
    let title = "**Formats found**, mean over 12 time budgets:";
    let columns = [
        "",
        "accuracy, %",
        "regret, points",
        "largest",
        "trainings",
        "cost, epochs",
        "cost in trainings",
    ];
    let mut table = Table::new(title, &columns);
    let mean = |at: &[f64; BUDGETS]| at.iter().sum::<f64>() / BUDGETS as f64;
    for (name, score) in rows {
        table.row(vec![
            name.clone(),
            format!("{:.2}", mean(&score.at_budgets)),
            format!("{:.2}", score.regret),
            format!("{:.2}", score.regret_max),
            format!("{:.1}", score.trainings),
            format!("{:.1}", score.cost),
            format!("{:.2}", score.cost / truth.epochs),
        ]);
    }
    table.row(vec![
        "brute force".into(),
        format!("{:.2}", mean(&truth.best())),
        "0".into(),
        "0".into(),
        format!("{:.0}", seeds * truth.formats.len() as f64),
        format!("{:.1}", seeds * truth.cost()),
        format!("{:.2}", seeds * truth.cost() / truth.epochs),
    ]);
    table
}

fn at_budgets(truth: &Truth, rows: &[(String, Score)]) -> Table {
    let budget = |budget: usize| truth.within(budget).last().map_or(0.0, |(_, time)| *time);
    let columns: Vec<String> = (0..BUDGETS)
        .map(|index| format!("{:.1} µs", budget(index)))
        .collect();
    let columns: Vec<&str> = std::iter::once("")
        .chain(columns.iter().map(String::as_str))
        .collect();
    let mut table = Table::new("**Accuracy within each time budget**, %:", &columns);
    let best = ("brute force".to_string(), truth.best());
    let all = rows.iter().map(|(name, score)| (name.clone(), score.at_budgets));
    for (name, at) in all.chain([best]) {
        let cells = at.iter().map(|accuracy| format!("{accuracy:.1}"));
        table.row(std::iter::once(name).chain(cells).collect());
    }
    table
}
