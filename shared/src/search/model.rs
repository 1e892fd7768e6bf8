//! Which point is likely to be good: a ratio of two kernel densities.
//!
//! Falkner, Klein and Hutter, "BOHB: Robust and Efficient Hyperparameter Optimization at Scale" (ICML 2018), section 4
//! and algorithm 2, after Bergstra, Bardenet, Bengio and Kégl, "Algorithms for Hyper-Parameter Optimization" (NIPS 2011),
//! section 4. With l the density of the good and g that of the other points, the expected improvement grows with
//! l(x) ÷ g(x) (Bergstra et al., equation 7). Unlike there, a density is of all parameters together: a product kernel.
//!
//! Of N results on one number of epochs, the good and the others are (Falkner et al., equation 3, N_min = d + 1)
//!
//! ```text
//! N_l = max(N_min, q N)        N_g = max(N_min, N − N_l)
//! ```
//!
//! Kernels: Gaussian for what has an order, that of Aitchison and Aitken ("Multivariate Binary Discrimination by the
//! Kernel Method", 1976) for choices. Bandwidths follow the normal reference rule, 1.06 σ n^(−1 ÷ (4 + d)), as in the
//! authors' implementation (statsmodels' `normal_reference`); σ of a choice with shares p is √((1 − Σ p²) ÷ 2), which for
//! two values is their standard deviation and does not depend on how values are numbered.

use super::draw::Draws;

/// q: the part of the results that counts as good.
const GOOD: f64 = 0.15;
/// N_s: candidates drawn of l.
const CANDIDATES: usize = 64;
/// b_w: bandwidths are so many times wider where candidates are drawn.
const WIDER: f64 = 3.0;
/// ρ: the part of the points that is drawn at random, whatever the model says.
pub(super) const RANDOM_SHARE: f64 = 1.0 / 3.0;
/// Least bandwidth, so that equal values do not make a model that knows no other (the authors' implementation).
const WIDTH_MIN: f64 = 1e-3;
/// Least density, so that a ratio is one (the authors' implementation).
const DENSITY_MIN: f64 = 1e-32;

/// Two densities over the unit cube.
pub(super) struct Model<'a> {
    /// Of each side, the number of values where they have no order.
    sides: &'a [Option<usize>],
    good: Density,
    others: Density,
}

struct Density {
    places: Vec<Vec<f64>>,
    widths: Vec<f64>,
}

/// Results needed at one number of epochs: N_min + 2 (Falkner et al., algorithm 2, line 2).
pub(super) fn results_min(sides: usize) -> usize {
    sides + 3
}

impl<'a> Model<'a> {
    /// Of places in the order of their scores, best first; at least [`results_min`].
    pub(super) fn fit(sides: &'a [Option<usize>], ranked: &[Vec<f64>]) -> Model<'a> {
        let least = (sides.len() + 1).min(ranked.len());
        let good = least.max((GOOD * ranked.len() as f64) as usize);
        let others = least.max(ranked.len() - good);
        Model {
            sides,
            good: Density::of(sides, &ranked[..good]),
            others: Density::of(sides, &ranked[ranked.len() - others..]),
        }
    }

    /// How many places count as good.
    pub(super) fn good(&self) -> usize {
        self.good.places.len()
    }

    /// Candidates drawn of the widened density of the good.
    pub(super) fn candidates(&self, draws: &mut Draws) -> Vec<Vec<f64>> {
        let candidate = |_| {
            let centre = &self.good.places[draws.below(self.good.places.len())];
            let sides = self.sides.iter().zip(centre).zip(&self.good.widths);
            sides
                .map(|((side, &centre), &width)| match side {
                    Some(_) if !draws.chance(width) => centre,
                    Some(_) => draws.unit(),
                    None => draws.normal_in_unit(centre, WIDER * width),
                })
                .collect()
        };
        (0..CANDIDATES).map(candidate).collect()
    }

    /// Natural logarithm of how much likelier a place is among the good than among the others.
    pub(super) fn log_ratio(&self, place: &[f64]) -> f64 {
        let [good, others] =
            [&self.good, &self.others].map(|density| density.at(self.sides, place).max(DENSITY_MIN));
        good.ln() - others.ln()
    }
}

impl Density {
    fn of(sides: &[Option<usize>], places: &[Vec<f64>]) -> Density {
        let shrink = (places.len() as f64).powf(-1.0 / (4.0 + sides.len() as f64));
        let width = |(side, kind): (usize, &Option<usize>)| {
            let column = places.iter().map(|place| place[side]);
            let width = (1.06 * spread(column, *kind) * shrink).max(WIDTH_MIN);
            match kind {
                // Wider than that, a value would be likelier where it was not seen.
                Some(count) => width.min((*count as f64 - 1.0) / *count as f64),
                None => width,
            }
        };
        Density {
            places: places.to_vec(),
            widths: sides.iter().enumerate().map(width).collect(),
        }
    }

    fn at(&self, sides: &[Option<usize>], place: &[f64]) -> f64 {
        let kernel = |centre: &Vec<f64>| -> f64 {
            let axes = sides.iter().zip(&self.widths).zip(place.iter().zip(centre));
            axes.map(|((side, &width), (&x, &centre))| match *side {
                Some(1) => 1.0,
                Some(count) if cell(x, count) == cell(centre, count) => 1.0 - width,
                Some(count) => width / (count as f64 - 1.0),
                None => {
                    (-0.5 * ((x - centre) / width).powi(2)).exp() / (width * std::f64::consts::TAU.sqrt())
                }
            })
            .product()
        };
        self.places.iter().map(kernel).sum::<f64>() / self.places.len() as f64
    }
}

/// Standard deviation of places, or what stands for it where values have no order.
fn spread(column: impl Iterator<Item = f64> + Clone, kind: Option<usize>) -> f64 {
    let count = column.clone().count() as f64;
    match kind {
        Some(values) => {
            let mut shares = vec![0.0; values];
            column.for_each(|place| shares[cell(place, values)] += 1.0 / count);
            ((1.0 - shares.iter().map(|share| share * share).sum::<f64>()) / 2.0)
                .max(0.0)
                .sqrt()
        }
        None => {
            let mean = column.clone().sum::<f64>() / count;
            (column.map(|place| (place - mean).powi(2)).sum::<f64>() / count).sqrt()
        }
    }
}

fn cell(place: f64, count: usize) -> usize {
    ((place * count as f64) as usize).min(count - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::TrialId;

    /// Twenty places on a line, best first from the left.
    fn line() -> Vec<Vec<f64>> {
        (0..20).map(|at| vec![at as f64 / 20.0, 0.5]).collect()
    }

    #[test]
    fn results_split_as_the_paper_says() {
        let sides = [None, None];
        for (results, good, others) in [(5, 3, 3), (6, 3, 3), (7, 3, 4), (20, 3, 17), (40, 6, 34)] {
            let model = Model::fit(&sides, &vec![vec![0.1, 0.2]; results]);
            assert_eq!(
                (model.good(), model.others.places.len()),
                (good, others),
                "{results}"
            );
        }
        assert_eq!(results_min(2), 5);
    }

    #[test]
    fn the_ratio_falls_from_the_good_to_the_others() {
        let sides = [None, None];
        let model = Model::fit(&sides, &line());
        let along: Vec<f64> = [0.05, 0.3, 0.6].map(|x| model.log_ratio(&[x, 0.5])).to_vec();
        assert!(
            along[0] > 1.0 && along[0] > along[1] && along[1] > along[2],
            "{along:?}"
        );
    }

    #[test]
    fn densities_of_an_ordered_side_sum_to_one() {
        let density = Density::of(&[None], &[vec![0.4], vec![0.5], vec![0.55]]);
        let sum: f64 = (-3000..4000)
            .map(|x| density.at(&[None], &[f64::from(x) / 1000.0]) / 1000.0)
            .sum();
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
        let density = Density::of(&[Some(3)], &[vec![0.1], vec![0.2], vec![0.9]]);
        let sum: f64 = [0.1, 0.5, 0.9].map(|x| density.at(&[Some(3)], &[x])).iter().sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
    }

    #[test]
    fn bandwidths_follow_the_normal_reference_rule() {
        let density = Density::of(&[None], &[vec![0.2], vec![0.6]]);
        assert!((density.widths[0] - 1.06 * 0.2 * 2.0_f64.powf(-0.2)).abs() < 1e-12);
        assert_eq!(Density::of(&[None], &[vec![0.2], vec![0.2]]).widths, [WIDTH_MIN]);
        assert_eq!(Density::of(&[Some(1)], &[vec![0.5], vec![0.5]]).widths, [0.0]);
    }

    #[test]
    fn candidates_lie_around_the_good() {
        let sides = [None, Some(4)];
        let places: Vec<Vec<f64>> = (0..30)
            .map(|at| vec![at as f64 / 30.0, (at / 10) as f64 / 4.0 + 0.1])
            .collect();
        let model = Model::fit(&sides, &places);
        let mut draws = Draws::of("test", 1, TrialId(0), 0);
        let candidates = model.candidates(&mut draws);
        assert_eq!(candidates.len(), CANDIDATES);
        let mean = candidates.iter().map(|place| place[0]).sum::<f64>() / CANDIDATES as f64;
        assert!(mean < 0.4, "{mean}");
        let same = candidates.iter().filter(|place| cell(place[1], 4) == 0).count();
        assert!(same > CANDIDATES / 2, "{same}");
    }
}
