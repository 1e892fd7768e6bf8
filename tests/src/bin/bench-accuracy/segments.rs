//! What cutting a chain into segments costs in accuracy: the same formats, trained in one sequence and in several.
//!
//! With evenly spaced buckets all formats are in one round, where segments start from farthest off. Nothing but the
//! ancestor of a link differs, so formats are compared one by one.

use imgcalc_shared::chain::links_in_sequence;
use imgcalc_shared::format::Format;
use imgcalc_tests::brute_force::runs::{Found, Runs};
use std::collections::BTreeMap;

const SEGMENTS: [u16; 3] = [1, 2, 4];
/// Epochs of a link; 8 from scratch.
const EPOCHS: u32 = 4;

/// Trains the chains and gives the table in Markdown.
pub fn table(runs: &Runs, seeds: &[u64]) -> anyhow::Result<String> {
    let mut lines = vec![
        "| segments | trainings in sequence | mean accuracy of links, % | beside one segment, points | worst link, points |"
            .to_string(),
        "|---:|---:|---:|---:|---:|".to_string(),
    ];
    let mut whole: Vec<BTreeMap<Format, f64>> = Vec::new();
    for segments in SEGMENTS {
        let mut links = Vec::new();
        for &seed in seeds {
            links.push(of_links(&runs.chain(seed, "uniform", EPOCHS, segments)?));
        }
        if segments == 1 {
            whole = links.clone();
        }
        let pairs = links.iter().zip(&whole);
        let differences: Vec<f64> = pairs
            .flat_map(|(links, whole)| {
                let both = links
                    .iter()
                    .filter_map(|(format, here)| Some(here - whole.get(format)?));
                both.collect::<Vec<f64>>()
            })
            .collect();
        let accuracies: Vec<f64> = links.iter().flat_map(|links| links.values().copied()).collect();
        let worst = differences.iter().copied().fold(f64::INFINITY, f64::min);
        let sequence = links_in_sequence(links[0].len() + 1, usize::from(segments), true);
        let beside = match segments {
            1 => "–".to_string(),
            _ => format!("{:+.2} ± {:.2}", mean(&differences), error(&differences)),
        };
        let worst = match segments {
            1 => "–".to_string(),
            _ => format!("{worst:+.2}"),
        };
        lines.push(format!(
            "| {segments} | {sequence} | {:.2} | {beside} | {worst} |",
            mean(&accuracies)
        ));
    }
    Ok(lines.join("\n"))
}

/// Test accuracy in % of all but the root, which is the same however the chain is cut.
fn of_links(found: &Found) -> BTreeMap<Format, f64> {
    let links = found.trained.iter().skip(1);
    links
        .map(|training| {
            (
                training.format,
                100.0 * training.test_accuracy.unwrap_or(training.accuracy),
            )
        })
        .collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard error of the mean.
fn error(values: &[f64]) -> f64 {
    let (mean, count) = (mean(values), values.len() as f64);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (count - 1.0) / count).sqrt()
}
