//! Columns of every factor beside one set of q = 1 that all factors are derived from: what decides which are stored.

use crate::clock::{median, median_ratio, timed};
use crate::figures::Figures;
use crate::formats::{QUANTS, Shape};
use crate::ours;
use crate::table::Table;
use imgcalc_shared::codec::Layout;
use imgcalc_shared::column::Decoding;

const ONE_SET: &str = "q = 1, one set for all";
const OWN_SETS: &str = "a set for each of the three";

/// What both cost in the formats measured so far.
#[derive(Default)]
pub struct Factors {
    bytes: Figures,
    times: Figures,
}

impl Factors {
    /// Measures a format at all factors, the two ways in turn.
    pub fn measure(
        &mut self,
        layout: Layout,
        shape: Shape,
        coefficients: &[Vec<i16>],
        rounds: usize,
    ) -> anyhow::Result<()> {
        let count = coefficients.len() as f64;
        let object = |quant| {
            let images = ours::values(layout, coefficients, shape.keep, quant);
            ours::object(layout, shape.keep, quant, &images)
        };
        let one = object(1)?;
        let own = QUANTS
            .iter()
            .map(|&quant| object(quant))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let sum: usize = own.iter().map(Vec::len).sum();
        self.bytes.push(ONE_SET, one.len() as f64 / count);
        for (quant, object) in QUANTS.iter().zip(&own) {
            self.bytes
                .push(&format!("q = {quant}"), object.len() as f64 / count);
        }
        self.bytes.push(OWN_SETS, sum as f64 / count);

        let (mut of_one, mut of_own) = (Vec::new(), Vec::new());
        let (mut values, mut room) = (Vec::new(), Decoding::default());
        for _ in 0..rounds {
            let mut spent = [0.0; 2];
            for (&quant, own) in QUANTS.iter().zip(&own) {
                for (object, spent) in [&one, own].into_iter().zip(&mut spent) {
                    let (done, seconds) =
                        timed(|| ours::chunks_into(object, shape.keep, quant, &mut values, &mut room));
                    done?;
                    *spent += seconds;
                }
            }
            of_one.push(spent[0]);
            of_own.push(spent[1]);
        }
        self.times.push(ONE_SET, median(&of_one) / count * 1e6);
        self.times.push(OWN_SETS, median(&of_own) / count * 1e6);
        self.times.push("times", median_ratio(&of_one, &of_own));
        Ok(())
    }

    /// Prints what was measured.
    pub fn print(&self, shapes: &[Shape]) {
        let title = "Ours at three factors (20, 50, 100): one set of columns of q = 1, or a set for each (block/keep)";
        let mut table = Table::new(title, shapes);
        for (name, bytes) in self.bytes.rows() {
            table.bytes(format!("{name}, bytes per image"), bytes);
        }
        let times: Vec<f64> = std::iter::zip(self.bytes.get(ONE_SET), self.bytes.get(OWN_SETS))
            .map(|(one, own)| one / own)
            .collect();
        table.figures("times fewer bytes with a set for each", &times);
        for (name, what) in [
            (ONE_SET, "decoded to all three from q = 1"),
            (OWN_SETS, "decoded from a set for each"),
        ] {
            table.figures(format!("{what}, µs per image"), self.times.get(name));
        }
        table.figures(
            "times less to decode with a set for each",
            self.times.get("times"),
        );
        table.print();
    }
}
