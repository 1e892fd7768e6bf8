//! The table a run ends with: each figure beside that of a peer, or beside a limit, in the same run.

use serde::Serialize;

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub what: String,
    pub unit: &'static str,
    pub ours: f64,
    /// The peer's figure, or the limit.
    pub other: f64,
    /// Whose that is.
    pub beside: String,
    pub more_is_better: bool,
}

impl Row {
    /// A figure of which less is better.
    pub fn less(what: impl Into<String>, unit: &'static str, ours: f64, beside: &str, other: f64) -> Row {
        Row {
            what: what.into(),
            unit,
            ours,
            other,
            beside: beside.into(),
            more_is_better: false,
        }
    }

    /// A figure of which more is better.
    pub fn more(what: impl Into<String>, unit: &'static str, ours: f64, beside: &str, other: f64) -> Row {
        Row {
            more_is_better: true,
            ..Row::less(what, unit, ours, beside, other)
        }
    }

    /// How many times better than the other; 1 or more is good.
    pub fn ratio(&self) -> f64 {
        match self.more_is_better {
            true => self.ours / self.other,
            false => self.other / self.ours,
        }
    }
}

/// Prints a table in Markdown.
pub fn print(rows: &[Row]) {
    println!("| | ours | beside | | times better |");
    println!("|---|---:|---:|---|---:|");
    for row in rows {
        let Row {
            what,
            unit,
            ours,
            other,
            beside,
            ..
        } = row;
        let [ours, other] = [ours, other].map(|value| match value.abs() {
            large if large >= 100.0 => format!("{value:.0}"),
            _ => format!("{value:.2}"),
        });
        println!(
            "| {what}, {unit} | {ours} | {other} | {beside} | {:.2} |",
            row.ratio()
        );
    }
}
