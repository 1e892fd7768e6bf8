//! The table of the README.

use imgcalc_tests::brute_force::metrics::{Score, Truth};

/// A row for each of what is compared.
pub fn markdown(truth: &Truth, table: &[(String, Score)]) -> String {
    let mut text = String::from(
        "| | error, points | bias | tau | pairs > 2 points right | mean regret, points | largest | trainings | cost, epochs | brute force ÷ cost |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    let number =
        |value: Option<f64>, digits: usize| value.map_or("–".into(), |value| format!("{value:.digits$}"));
    for (name, score) in table {
        let pairs = score
            .pairs
            .map_or("–".into(), |share| format!("{:.1} %", 100.0 * share));
        text += &format!(
            "| {name} | {} | {} | {} | {pairs} | {:.2} | {:.2} | {:.1} | {:.1} | {:.1} |\n",
            number(score.error, 2),
            number(score.bias, 2),
            number(score.tau, 2),
            score.regret,
            score.regret_max,
            score.trainings,
            score.cost,
            truth.cost() / score.cost,
        );
    }
    text
}
