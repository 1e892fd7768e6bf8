//! The numbers by which formats are embedded: what the one self-supervised training follows.

use crate::format::{Format, Size, by_family};
use serde::{Deserialize, Serialize};

/// Settings of an embedding: one net is trained to read the same images alike in whatever format they come, without labels;
/// what it makes of a few fixed images in a format becomes that format's vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embedding {
    /// Steps of the training. Each reads one batch in two formats.
    pub steps: u32,
    /// Images of a step: each must be told from all others of its batch.
    pub batch_size: u32,
    /// Peak learning rate of AdamW.
    pub learning_rate: f64,
    /// What similarities are divided by before they compete (van den Oord, Li and Vinyals, "Representation Learning with
    /// Contrastive Predictive Coding", equation 4, with a temperature): a smaller one punishes near misses harder.
    pub temperature: f64,
    /// Channels of the net's first stage.
    pub width: u16,
    /// Numbers an image becomes.
    pub code: u16,
    /// Numbers of a format's vector.
    pub dimensions: u16,
    /// Training images it learns from, at most; the first of the split, which are a fair sample.
    pub images: u32,
    /// Images whose codes make up a format's vector: validation images, or training images where there are none.
    pub probes: u32,
    /// Share of the formats that are seen in training, in (0, 1]; the others get their vectors all the same.
    pub seen: f64,
    /// Seeds the first weights and everything that is drawn.
    pub seed: u64,
}

/// A setting that is out of range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} of the embedding is {found}; it must be {wanted}")]
pub struct BadEmbedding {
    what: &'static str,
    found: String,
    wanted: String,
}

impl BadEmbedding {
    /// The setting.
    pub fn field(&self) -> &'static str {
        self.what
    }

    /// What it is.
    pub fn found(&self) -> &str {
        &self.found
    }

    /// What it may be.
    pub fn wanted(&self) -> &str {
        &self.wanted
    }
}

impl Embedding {
    /// Most steps.
    pub const STEPS_MAX: u32 = 1_000_000;
    /// Most images of a step, and most probes.
    pub const BATCH_MAX: u32 = 4096;
    /// Most channels of the first stage.
    pub const WIDTH_MAX: u16 = 256;
    /// Most numbers of an image's code.
    pub const CODE_MAX: u16 = 512;
    /// Most numbers of a vector: with as many formats as a space may have, the outcome stays a small text.
    pub const DIMENSIONS_MAX: u16 = 64;

    /// The first setting that is out of range, if any.
    pub fn check(&self) -> Result<(), BadEmbedding> {
        let within = |what, found: u32, least: u32, most: u32| {
            (least..=most)
                .contains(&found)
                .then_some(())
                .ok_or_else(|| BadEmbedding {
                    what,
                    found: found.to_string(),
                    wanted: format!("{least} to {most}"),
                })
        };
        let number = |what, found: f64, most: f64| {
            (found > 0.0 && found <= most)
                .then_some(())
                .ok_or_else(|| BadEmbedding {
                    what,
                    found: found.to_string(),
                    wanted: format!("above 0 and at most {most}"),
                })
        };
        within("steps", self.steps, 1, Self::STEPS_MAX)?;
        within("batch_size", self.batch_size, 2, Self::BATCH_MAX)?;
        within("probes", self.probes, 2, Self::BATCH_MAX)?;
        within("images", self.images, self.batch_size, u32::MAX)?;
        within("width", self.width.into(), 1, Self::WIDTH_MAX.into())?;
        within("code", self.code.into(), 2, Self::CODE_MAX.into())?;
        within(
            "dimensions",
            self.dimensions.into(),
            2,
            Self::DIMENSIONS_MAX.into(),
        )?;
        number("learning_rate", self.learning_rate, 1.0)?;
        number("temperature", self.temperature, 10.0)?;
        number("seen", self.seen, 1.0)
    }

    /// The formats that are seen in training, by family: of each as many as the share says, evenly over those in order of
    /// density, both ends among them.
    pub fn seen_of(&self, formats: &[Format]) -> Vec<Vec<Format>> {
        let seen = by_family(formats).into_values().map(|mut formats| {
            formats.sort_by(|a, b| a.density_order(*b));
            formats.dedup();
            let all = formats.len();
            let count = ((all as f64 * self.seen).ceil() as usize).clamp(all.min(2), all);
            let nth = |index: usize| index * (all - 1) / (count - 1).max(1);
            (0..count).map(|index| formats[nth(index)]).collect()
        });
        seen.collect()
    }

    /// What it costs: epochs of a training of this net over so many images at their full size, if the formats of its space
    /// are drawn as they are. The probes, read once in each format without a gradient, count as a third.
    pub fn cost_epochs(&self, formats: &[Format], size: Size, train_images: u32) -> f64 {
        let full = f64::from(size.height) * f64::from(size.width);
        let share = |format: &Format| {
            let plane = format.plane(size);
            f64::from(plane.height) * f64::from(plane.width) / full
        };
        let families = by_family(formats);
        let mean_of = |formats: &Vec<Format>| formats.iter().map(share).sum::<f64>() / formats.len() as f64;
        let mean = families.values().map(mean_of).sum::<f64>() / families.len().max(1) as f64;
        let trained = 2.0 * f64::from(self.steps) * f64::from(self.batch_size) * mean;
        let probed = f64::from(self.probes) * formats.iter().map(share).sum::<f64>() / 3.0;
        (trained + probed) / f64::from(train_images.max(1))
    }
}

impl Default for Embedding {
    /// What was found to do on small grey images: about the cost of a training of eight epochs.
    fn default() -> Self {
        Embedding {
            steps: 300,
            batch_size: 128,
            learning_rate: 0.002,
            temperature: 0.1,
            width: 16,
            code: 32,
            dimensions: 32,
            images: 4096,
            probes: 256,
            seen: 1.0,
            seed: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Space;

    #[test]
    fn settings_out_of_range_are_named() {
        assert_eq!(Embedding::default().check(), Ok(()));
        let bad = |change: fn(&mut Embedding)| {
            let mut embedding = Embedding::default();
            change(&mut embedding);
            embedding.check().unwrap_err().to_string()
        };
        assert!(bad(|e| e.steps = 0).contains("steps of the embedding is 0"));
        assert!(bad(|e| e.batch_size = 1).contains("batch_size"));
        assert!(bad(|e| e.images = 5).contains("images"));
        assert!(bad(|e| e.dimensions = 65).contains("2 to 64"));
        assert!(bad(|e| e.seen = f64::NAN).contains("seen"));
        assert!(bad(|e| e.temperature = 0.0).contains("temperature"));
        assert!(bad(|e| e.learning_rate = f64::INFINITY).contains("learning_rate"));
    }

    #[test]
    fn what_is_seen_has_both_ends_of_every_family() {
        let size = Size {
            height: 32,
            width: 32,
        };
        let (formats, _) = Space::preset("sigmod24").unwrap().split(size);
        for seen in [0.001, 0.3, 1.0] {
            let embedding = Embedding {
                seen,
                ..Embedding::default()
            };
            let families = embedding.seen_of(&formats);
            assert_eq!(families.len(), 9);
            for seen_of_family in &families {
                let all = &by_family(&formats)[&seen_of_family[0].family()];
                let wanted = ((all.len() as f64 * seen).ceil() as usize).max(2);
                assert_eq!(seen_of_family.len(), wanted);
                let ends = [seen_of_family[0], seen_of_family[wanted - 1]];
                assert!(all.iter().all(|format| ends[0].density_order(*format).is_le()));
                assert!(all.iter().all(|format| ends[1].density_order(*format).is_ge()));
                let distinct: std::collections::BTreeSet<_> = seen_of_family.iter().collect();
                assert_eq!(distinct.len(), wanted);
            }
        }
        assert_eq!(Embedding::default().seen_of(&formats[..1]), [[formats[0]]]);
        assert!(Embedding::default().seen_of(&[]).is_empty());
    }

    #[test]
    fn the_cost_counts_both_readings_of_every_step_and_the_probes() {
        let size = Size {
            height: 32,
            width: 32,
        };
        let full: Vec<Format> = vec!["1x1-b8-k8-q20".parse().unwrap()];
        let embedding = Embedding {
            steps: 10,
            batch_size: 30,
            probes: 60,
            ..Embedding::default()
        };
        assert!((embedding.cost_epochs(&full, size, 100) - (600.0 + 20.0) / 100.0).abs() < 1e-12);
        let (formats, _) = Space::preset("sigmod24").unwrap().split(size);
        assert!(embedding.cost_epochs(&formats, size, 100) > 0.0);
        assert!(embedding.cost_epochs(&[], size, 100).is_finite());
    }
}
