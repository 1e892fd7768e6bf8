//! A format as a point, so that near formats are near points.

use super::Format;

/// Coordinates of a [`Format::features`] point.
pub const FEATURES: usize = 5;

impl Format {
    /// The format as a point in log₂ units: vertical bandwidth, horizontal bandwidth (kept share of the frequencies
    /// of the unsampled image), block side, quantisation factor, pixels left out by sampling.
    ///
    /// The bandwidths carry how much detail is left and, with it, the shape of the net's input; the others how it is
    /// laid out and how coarse it is. Accuracy was found to be smooth in them and not monotone in any.
    pub fn features(self) -> [f64; FEATURES] {
        let share = (f64::from(self.keep) / f64::from(self.block())).log2();
        let row_step = f64::from(self.sampling().row_step()).log2();
        let column_step = f64::from(self.sampling().column_step()).log2();
        [
            share - row_step,
            share - column_step,
            f64::from(self.block()).log2(),
            f64::from(self.quant).log2(),
            row_step + column_step,
        ]
    }
}

/// Picks `count` formats that spread over `formats`: the first one, then again and again the one farthest from all
/// picked (maximin design: Johnson, Moore and Ylvisaker, "Minimax and maximin distance designs", 1990). Ties go to
/// the earlier format; the order of picking is kept.
pub fn spread(formats: &[Format], count: usize) -> Vec<Format> {
    let distance = |a: Format, b: Format| -> f64 {
        a.features()
            .iter()
            .zip(b.features())
            .map(|(x, y)| (x - y) * (x - y))
            .sum()
    };
    let mut picked: Vec<Format> = formats.iter().take(count.min(1)).copied().collect();
    let mut nearest: Vec<f64> = formats.iter().map(|_| f64::INFINITY).collect();
    while picked.len() < count.min(formats.len()) {
        let last = picked[picked.len() - 1];
        let mut best = None;
        for (index, &format) in formats.iter().enumerate() {
            nearest[index] = nearest[index].min(distance(format, last));
            let farther = best.is_none_or(|(_, far)| nearest[index] > far);
            if farther && !picked.contains(&format) {
                best = Some((format, nearest[index]));
            }
        }
        picked.extend(best.map(|(format, _)| format));
    }
    picked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Size;
    use crate::space::Space;

    #[test]
    fn a_spread_has_no_repeats_and_reaches_the_corners() {
        let (formats, _) = Space::preset("sigmod24").unwrap().split(Size {
            height: 32,
            width: 32,
        });
        let picked = spread(&formats, 24);
        let distinct: std::collections::HashSet<_> = picked.iter().collect();
        assert_eq!((picked.len(), distinct.len()), (24, 24));
        assert_eq!(picked[0], formats[0]);
        assert!(picked.iter().any(|format| format.keep() == 1));
        assert_eq!(spread(&formats[..2], 5).len(), 2);
        assert!(spread(&formats, 0).is_empty());
    }
}
