//! Which strengths there are, and what a format cannot express.

use super::{Augment, Grid};
use crate::format::{Format, Sampling, Size};

/// Why an augmentation cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}; {remedy}")]
pub struct AugmentError {
    /// The strength that asks for it, by its name in a spec.
    pub field: &'static str,
    /// What is in the way.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
}

/// What images consist of, for the eye and for the check.
struct Images {
    /// `format 1x1-b8-k8-q20` or `training on pixels`.
    what: String,
    grid: Grid,
    channels: u16,
    /// Rows and columns are sampled alike.
    even: bool,
    /// How to be rid of images of a single block.
    larger: String,
}

impl Augment {
    /// Whether every strength lies in its range.
    pub fn check_ranges(&self) -> Result<(), AugmentError> {
        for (field, value) in self.strengths() {
            // Of a crop or a rectangle of the whole image nothing would be left. Written so that what is no number fails.
            let (fine, allowed) = match field {
                "crop" | "cutout" => ((0.0..1.0).contains(&value), "from 0 to less than 1"),
                _ => ((0.0..=1.0).contains(&value), "from 0 to 1"),
            };
            if !fine {
                return Err(AugmentError {
                    field,
                    reason: format!("{value} is out of range"),
                    remedy: format!("use a number {allowed}"),
                });
            }
        }
        Ok(())
    }

    /// Whether images of this size and with this number of channels can be augmented so when they are stored in this format.
    pub fn check(&self, format: Format, size: Size, channels: u16) -> Result<(), AugmentError> {
        let (plane, side) = (format.plane(size), u32::from(format.side()));
        let sampling = format.sampling();
        self.check_images(&Images {
            what: format!("format {format}"),
            grid: Grid {
                rows: plane.height / side,
                columns: plane.width / side,
            },
            channels,
            even: matches!(sampling, Sampling::Full | Sampling::Both),
            larger: format!("leave {} out of `space.blocks`", format.block()),
        })
    }

    /// Whether images of this size and with this number of channels can be augmented so when a net is trained on their pixels.
    pub fn check_pixels(&self, size: Size, channels: u16) -> Result<(), AugmentError> {
        let grid = Grid {
            rows: size.height,
            columns: size.width,
        };
        self.check_grid("training on pixels", grid, channels)
    }

    /// Whether images of so many blocks can be augmented so, if their rows and columns are sampled alike.
    pub fn check_grid(&self, what: &str, grid: Grid, channels: u16) -> Result<(), AugmentError> {
        self.check_images(&Images {
            what: what.into(),
            grid,
            channels,
            even: true,
            larger: "use smaller blocks".into(),
        })
    }

    fn check_images(&self, images: &Images) -> Result<(), AugmentError> {
        self.check_rotation(images)?;
        self.check_blocks(images)?;
        self.check_colour(images)
    }

    fn check_rotation(&self, images: &Images) -> Result<(), AugmentError> {
        let Grid { rows, columns } = images.grid;
        let refuse = |reason: String, remedy: &str| {
            Err(AugmentError {
                field: "rotation",
                reason: format!("{} {reason}", images.what),
                remedy: format!("set it to 0 or {remedy}"),
            })
        };
        if self.rotation == 0.0 {
            return Ok(());
        }
        if !images.even {
            return refuse(
                "samples rows and columns differently, so that a turned image is none of its images".into(),
                "leave `2x2-r` and `2x2-c` out of `space.samplings`",
            );
        }
        if rows != columns {
            return refuse(
                format!("has images of {rows} × {columns} blocks, and only squares can be turned"),
                "import the images as squares",
            );
        }
        Ok(())
    }

    fn check_blocks(&self, images: &Images) -> Result<(), AugmentError> {
        let grid = images.grid;
        let Grid { rows, columns } = grid;
        let (most, least) = (rows.max(columns), rows.min(columns));
        let share = |blocks: u32| (blocks > 1).then(|| 1.0 / f64::from(blocks));
        let checks = [
            (
                "crop",
                self.crop,
                self.crop_sizes(grid).len() > 1,
                grid.least_crop(),
            ),
            (
                "translation",
                self.translation,
                self.translation_max(grid) != Grid { rows: 0, columns: 0 },
                share(most),
            ),
            (
                "cutout",
                self.cutout,
                self.cutout_size(grid).rows > 0 && self.cutout_size(grid).columns > 0,
                share(least),
            ),
        ];
        for (field, strength, expressible, least) in checks {
            if strength == 0.0 || expressible {
                continue;
            }
            let (reason, remedy) = match least {
                Some(least) => (
                    format!(
                        "{strength} of the {rows} × {columns} blocks of {} is less than a block",
                        images.what
                    ),
                    // Rounded up: what is advised works.
                    format!("use 0 or at least {}", (least * 1000.0).ceil() / 1000.0),
                ),
                None => (
                    format!(
                        "{} has images of {rows} × {columns} blocks, of which none can be spared",
                        images.what
                    ),
                    format!("set it to 0 or {}", images.larger),
                ),
            };
            return Err(AugmentError {
                field,
                reason,
                remedy,
            });
        }
        Ok(())
    }

    fn check_colour(&self, images: &Images) -> Result<(), AugmentError> {
        let channels = images.channels;
        let refuse = |field, reason: &str| {
            Err(AugmentError {
                field,
                reason: format!("{channels}-channel images {reason}"),
                remedy: "set it to 0".into(),
            })
        };
        if channels == 1 && self.chroma != 0.0 {
            return refuse("chroma", "have no colour");
        }
        let strengths = [
            ("brightness", self.brightness),
            ("contrast", self.contrast),
            ("chroma", self.chroma),
        ];
        match strengths.into_iter().find(|(_, strength)| *strength != 0.0) {
            Some((field, _)) if channels != 1 && channels != 3 => refuse(field, "are neither grey nor RGB"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn augment(field: &str, strength: f64) -> Augment {
        serde_json::from_str(&format!(r#"{{"{field}":{strength}}}"#)).unwrap()
    }

    fn check(field: &str, strength: f64, format: &str, (height, width): (u32, u32)) -> Result<(), String> {
        augment(field, strength)
            .check(format.parse().unwrap(), Size { height, width }, 3)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn strengths_out_of_range_are_refused_by_name() {
        let fields = [
            "horizontal_flip",
            "vertical_flip",
            "rotation",
            "crop",
            "translation",
        ];
        for field in fields
            .into_iter()
            .chain(["cutout", "brightness", "contrast", "chroma"])
        {
            augment(field, 0.0).check_ranges().unwrap();
            augment(field, 0.99).check_ranges().unwrap();
            for strength in [-0.1, 1.01] {
                let error = augment(field, strength).check_ranges().unwrap_err();
                assert_eq!(error.field, field);
                assert!(error.reason.contains(&strength.to_string()), "{error}");
            }
        }
        let rest = Augment::default();
        Augment {
            horizontal_flip: 1.0,
            ..rest
        }
        .check_ranges()
        .unwrap();
        for strange in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            Augment {
                chroma: strange,
                ..rest
            }
            .check_ranges()
            .unwrap_err();
            Augment {
                crop: strange,
                ..rest
            }
            .check_ranges()
            .unwrap_err();
        }
        augment("crop", 1.0).check_ranges().unwrap_err();
        augment("cutout", 1.0).check_ranges().unwrap_err();
    }

    #[test]
    fn only_squares_sampled_alike_can_be_turned() {
        check("rotation", 0.5, "1x1-b8-k8-q1", (64, 64)).unwrap();
        check("rotation", 0.5, "4x4-b8-k3-q50", (64, 64)).unwrap();
        let error = check("rotation", 0.5, "1x1-b8-k8-q1", (64, 32)).unwrap_err();
        assert!(
            error.contains("8 × 4 blocks") && error.contains("as squares"),
            "{error}"
        );
        // 64 × 32 sampled by rows is a square, but its pixels are not.
        for (format, size) in [("2x2-r-b8-k8-q1", (64, 32)), ("2x2-c-b8-k8-q1", (64, 64))] {
            let error = check("rotation", 0.5, format, size).unwrap_err();
            assert!(error.contains("space.samplings"), "{error}");
        }
        check("rotation", 0.0, "2x2-r-b8-k8-q1", (64, 64)).unwrap();
        check("vertical_flip", 1.0, "2x2-r-b8-k8-q1", (64, 32)).unwrap();
    }

    #[test]
    fn what_is_less_than_a_block_is_refused_with_the_least_that_works() {
        let advice = [
            ("crop", 0.2, "at least 0.235"),
            ("translation", 0.12, "at least 0.125"),
            ("cutout", 0.1, "at least 0.125"),
        ];
        for (field, strength, advised) in advice {
            let error = check(field, strength, "1x1-b8-k8-q20", (64, 64)).unwrap_err();
            assert!(error.starts_with(field) && error.ends_with(advised), "{error}");
            let least: f64 = advised.rsplit(' ').next().unwrap().parse().unwrap();
            check(field, least, "1x1-b8-k8-q20", (64, 64)).unwrap();
        }
        // A rectangle needs both sides, a move one.
        check("translation", 0.25, "1x1-b8-k8-q20", (16, 32)).unwrap();
        let error = check("cutout", 0.25, "1x1-b8-k8-q20", (16, 32)).unwrap_err();
        assert!(
            error.contains("2 × 4 blocks") && error.ends_with("at least 0.5"),
            "{error}"
        );
    }

    #[test]
    fn a_single_block_cannot_be_divided() {
        for field in ["crop", "translation", "cutout"] {
            let error = check(field, 0.9, "1x1-b64-k8-q20", (64, 64)).unwrap_err();
            assert!(
                error.starts_with(field) && error.contains("leave 64 out of `space.blocks`"),
                "{error}"
            );
        }
        let error = check("cutout", 0.9, "1x1-b64-k8-q20", (64, 128)).unwrap_err();
        assert!(error.contains("1 × 2 blocks"), "{error}");
    }

    #[test]
    fn grey_images_have_no_chroma_and_others_must_be_rgb() {
        let size = Size { height: 8, width: 8 };
        for (field, channels, fine) in [
            ("chroma", 1, false),
            ("chroma", 3, true),
            ("contrast", 1, true),
            ("brightness", 1, true),
            ("brightness", 2, false),
            ("horizontal_flip", 2, true),
        ] {
            let found = augment(field, 0.5).check_pixels(size, channels);
            assert_eq!(found.is_ok(), fine, "{field} {channels}: {found:?}");
            assert!(found.is_ok() || found.unwrap_err().field == field);
        }
    }
}
