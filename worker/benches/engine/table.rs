//! A table in Markdown, as it stands in the README.

/// Rows of text under a head.
pub struct Table {
    title: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table; the first column is what a row is about.
    pub fn new(title: impl Into<String>, head: &[&str]) -> Table {
        Table {
            title: title.into(),
            head: head.iter().map(ToString::to_string).collect(),
            rows: Vec::new(),
        }
    }

    /// A row of words.
    pub fn row(&mut self, what: impl Into<String>, cells: impl IntoIterator<Item = String>) {
        self.rows
            .push(std::iter::once(what.into()).chain(cells).collect());
    }

    /// Prints it.
    pub fn print(&self) {
        println!("\n{}\n", self.title);
        println!("| | {} |", self.head.join(" | "));
        println!("|---|{}", "---:|".repeat(self.head.len()));
        for row in &self.rows {
            println!("| {} |", row.join(" | "));
        }
    }
}

/// Three significant digits; what was not measured is a dash.
pub fn short(figure: f64) -> String {
    match figure.abs() {
        _ if !figure.is_finite() => "–".into(),
        large if large >= 99.95 => format!("{figure:.0}"),
        middle if middle >= 9.995 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

/// A ratio whose thousandths count.
pub fn ratio(figure: f64) -> String {
    match figure.is_finite() {
        true => format!("{figure:.3}"),
        false => "–".into(),
    }
}

/// Bytes in MiB.
pub fn mebibytes(bytes: f64) -> String {
    format!("{} MiB", short(bytes / f64::from(1 << 20)))
}
