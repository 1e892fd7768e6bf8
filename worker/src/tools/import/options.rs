//! Sizes and splits as people write them.

use imgcalc_shared::dataset::{SIDE_MAX, Splits};
use imgcalc_shared::format::Size;
use std::fmt;
use std::str::FromStr;

/// A size written `HEIGHTxWIDTH`, or one number for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeText(pub Size);

/// Percent of the images that go to each split; they add up to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    pub(super) train: u8,
    pub(super) validation: u8,
    pub(super) test: u8,
}

impl FromStr for SizeText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let side = |text: &str| match text.parse::<u32>() {
            Ok(side) if (1..=SIDE_MAX).contains(&side) => Ok(side),
            _ => Err(format!(
                "{text:?} is no side of 1 to {SIDE_MAX} pixels; write 32x32 or 32"
            )),
        };
        let (height, width) = text.split_once('x').unwrap_or((text, text));
        Ok(SizeText(Size {
            height: side(height)?,
            width: side(width)?,
        }))
    }
}

impl FromStr for Split {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || {
            format!("{text:?} is no split; write percents that add up to 100, for example 80/20 or 70/15/15")
        };
        let parts: Vec<u8> = text
            .split('/')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| bad())?;
        let (train, validation, test) = match parts[..] {
            [train, validation] => (train, validation, 0),
            [train, validation, test] => (train, validation, test),
            _ => return Err(bad()),
        };
        if [train, validation, test]
            .iter()
            .map(|&part| u32::from(part))
            .sum::<u32>()
            != 100
        {
            return Err(bad());
        }
        if train == 0 || validation == 0 {
            return Err(format!("{text:?} leaves nothing to train on or to validate on"));
        }
        Ok(Split {
            train,
            validation,
            test,
        })
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.train, self.validation)?;
        if self.test > 0 {
            write!(f, "/{}", self.test)
        } else {
            Ok(())
        }
    }
}

impl Split {
    /// How many of `images` go where: to the nearest, but two images or more are never all trained on.
    pub(super) fn of(self, images: u32) -> Splits {
        let share = |percent: u8| ((u64::from(images) * u64::from(percent) + 50) / 100) as u32;
        let train = share(self.train).clamp(1.min(images), images.saturating_sub(1).max(1).min(images));
        let seen = share(self.train + self.validation).max(train + 1).min(images);
        Splits {
            train,
            validation: seen - train,
            test: images - seen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_cover_all_images() {
        let split: Split = "70/15/15".parse().unwrap();
        for images in 0..300 {
            let splits = split.of(images);
            assert_eq!(splits.total(), images);
            assert!(
                images < 2 || (splits.train > 0 && splits.validation > 0),
                "{images}"
            );
        }
        let splits = "80/20".parse::<Split>().unwrap().of(10_000);
        assert_eq!((splits.train, splits.validation, splits.test), (8_000, 2_000, 0));
    }

    #[test]
    fn what_is_no_size_or_split_is_refused() {
        for bad in ["", "80", "80/30", "100/0", "0/100", "a/b", "1/2/3/94", "256/100"] {
            assert!(bad.parse::<Split>().is_err(), "{bad}");
        }
        for bad in ["", "0", "x", "32x", "4097", "-1", "1x2x3"] {
            assert!(bad.parse::<SizeText>().is_err(), "{bad}");
        }
        let size = Size {
            height: 32,
            width: 64,
        };
        assert_eq!("32x64".parse(), Ok(SizeText(size)));
    }
}
