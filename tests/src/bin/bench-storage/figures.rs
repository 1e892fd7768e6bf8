//! Figures by what they are about and by format, in the order in which they came.

/// One list of figures for each thing that is measured.
#[derive(Default)]
pub struct Figures {
    rows: Vec<(String, Vec<f64>)>,
}

impl Figures {
    /// Appends a figure to the list of that name.
    pub fn push(&mut self, name: &str, figure: f64) {
        match self.rows.iter_mut().find(|(known, _)| known == name) {
            Some((_, figures)) => figures.push(figure),
            None => self.rows.push((name.to_string(), vec![figure])),
        }
    }

    /// Appends several.
    pub fn extend(&mut self, name: &str, figures: &[f64]) {
        for &figure in figures {
            self.push(name, figure);
        }
    }

    /// The list of a name; empty if nothing came.
    pub fn get(&self, name: &str) -> &[f64] {
        let row = self.rows.iter().find(|(known, _)| known == name);
        row.map_or(&[], |(_, figures)| figures)
    }

    /// All lists.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &[f64])> {
        self.rows
            .iter()
            .map(|(name, figures)| (name.as_str(), figures.as_slice()))
    }
}

/// Element by element.
pub fn ratio(above: &[f64], below: &[f64]) -> Vec<f64> {
    above
        .iter()
        .zip(below)
        .map(|(above, below)| above / below)
        .collect()
}
