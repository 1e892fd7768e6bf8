//! A table in Markdown, as it stands in the README.

/// Rows of text under a head.
pub struct Table {
    title: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table; the first column is what a row is about.
    pub fn new(title: impl Into<String>, head: impl IntoIterator<Item = impl ToString>) -> Table {
        Table {
            title: title.into(),
            head: head.into_iter().map(|text| text.to_string()).collect(),
            rows: Vec::new(),
        }
    }

    /// A row of words.
    pub fn words(&mut self, what: impl Into<String>, cells: impl IntoIterator<Item = impl ToString>) {
        let cells = cells.into_iter().map(|cell| cell.to_string());
        self.rows
            .push(std::iter::once(what.into()).chain(cells).collect());
    }

    /// A row of figures with three significant digits; what was not measured is a dash.
    pub fn figures(&mut self, what: impl Into<String>, figures: &[f64]) {
        self.words(what, figures.iter().map(|&figure| short(figure)));
    }

    /// A row of bytes.
    pub fn bytes(&mut self, what: impl Into<String>, bytes: &[f64]) {
        self.words(
            what,
            bytes.iter().map(|&bytes| {
                if bytes.is_finite() {
                    format!("{bytes:.0}")
                } else {
                    "–".into()
                }
            }),
        );
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

/// Three significant digits.
fn short(figure: f64) -> String {
    match figure.abs() {
        _ if !figure.is_finite() => "–".into(),
        large if large >= 99.95 => format!("{figure:.0}"),
        middle if middle >= 9.995 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}
