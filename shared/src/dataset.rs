//! A dataset: images of one size, labels and splits under one content digest.
//!
//! Images are numbered. A seeded permutation decides the numbers at import, so that the splits are contiguous runs
//! and any prefix of a split is a fair sample of it: first all training images, then validation, then test.
//! Row group g holds the images `g·row_group .. (g+1)·row_group`.

use crate::digest::Digest;
use crate::envelope::{self, BadEnvelope};
use crate::format::Size;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::ops::Range;

/// Images of a row group unless a dataset says otherwise.
pub const ROW_GROUP_IMAGES: u32 = 1024;
/// Largest image side in pixels.
pub const SIDE_MAX: u32 = 4096;
/// Most classes; labels are 16 bits wide.
pub const CLASSES_MAX: usize = 65_535;

const WHAT: &str = "imgcalc-manifest";
const VERSION: u32 = 1;
const NAME: &str = "imgcalc-dataset-name";
const NAME_VERSION: u32 = 1;

/// An immutable object in the base.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectRef {
    /// Key below the base.
    pub key: String,
    /// Length.
    pub bytes: u64,
    /// BLAKE3 of the whole object.
    pub digest: Digest,
}

/// Images in each split; they follow each other in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Splits {
    /// Images trained on.
    pub train: u32,
    /// Images every reported accuracy is measured on.
    pub validation: u32,
    /// Images no decision may look at.
    pub test: u32,
}

/// What an importer writes beside the images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The name people use; not part of the digest.
    pub name: String,
    /// Digest over everything below that decides what is trained on: see [`Manifest::computed_digest`].
    pub digest: Digest,
    /// Class names; a label is an index into them.
    #[serde(deserialize_with = "classes")]
    pub classes: Vec<String>,
    /// Size of every image.
    pub size: Size,
    /// 1 (grey) or 3 (RGB).
    pub channels: u16,
    /// How many images each split has.
    pub splits: Splits,
    /// Images in a row group.
    pub row_group: u32,
    /// One object of pixels for each row group, in order.
    pub images: Vec<ObjectRef>,
    /// All labels, 16 bits little-endian, in image order.
    pub labels: ObjectRef,
    /// The JPEG files of the first validation images as they came, where the source was JPEG: what the JPEG
    /// baseline reads and decodes.
    pub jpeg_files: Option<ObjectRef>,
    /// Images of the source that were left out, with the reason (the first 100).
    pub skipped: Vec<Skipped>,
    /// How many were left out in all.
    pub skipped_count: u64,
    /// Bytes of the source's files of these images; not part of the digest. Unknown of datasets that were imported
    /// before it was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_bytes: Option<u64>,
}

/// One image an import left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    /// Its path or position in the source.
    pub name: String,
    /// Why it could not be used.
    pub reason: String,
}

impl Splits {
    /// All images.
    pub fn total(self) -> u32 {
        self.train + self.validation + self.test
    }
}

impl Manifest {
    /// The digest these contents have: classes, size, channels, splits, row groups and the digests of pixels and
    /// labels. Name, keys and skipped images do not count.
    pub fn computed_digest(&self) -> Digest {
        let images: Vec<Digest> = self.images.iter().map(|object| object.digest).collect();
        Digest::of_value(&(
            WHAT,
            VERSION,
            &self.classes,
            self.size,
            self.channels,
            self.splits,
            self.row_group,
            images,
            self.labels.digest,
        ))
    }

    /// The object to persist.
    pub fn to_bytes(&self) -> Vec<u8> {
        envelope::seal(WHAT, VERSION, self)
    }

    /// Reads what [`Manifest::to_bytes`] wrote and checks that its parts fit each other.
    pub fn from_bytes(bytes: &[u8]) -> Result<Manifest, BadEnvelope> {
        let manifest: Manifest = envelope::open(WHAT, VERSION, bytes)?;
        manifest.check().map_err(BadEnvelope::Content)?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        let ensure = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_string()) };
        let sides = 1..=SIDE_MAX;
        ensure(
            sides.contains(&self.size.height) && sides.contains(&self.size.width),
            "the image size is out of range",
        )?;
        ensure(
            self.channels == 1 || self.channels == 3,
            "channels are neither 1 nor 3",
        )?;
        ensure(
            (1..=CLASSES_MAX).contains(&self.classes.len()),
            "the number of classes is out of range",
        )?;
        ensure(
            (1..=65_536).contains(&self.row_group),
            "the row group size is out of range",
        )?;
        let splits = [self.splits.train, self.splits.validation, self.splits.test];
        let total: u64 = splits.iter().map(|&images| u64::from(images)).sum();
        ensure(total <= u64::from(u32::MAX), "there are too many images")?;
        let groups = total.div_ceil(u64::from(self.row_group));
        ensure(
            groups == self.images.len() as u64,
            "the row groups do not cover the images",
        )?;
        ensure(
            self.labels.bytes == 2 * total,
            "the labels do not cover the images",
        )?;
        ensure(
            self.computed_digest() == self.digest,
            "the digest is not that of the contents",
        )
    }

    /// The image numbers of row group `group`.
    pub fn row_group_images(&self, group: u32) -> Range<u32> {
        let first = group * self.row_group;
        first..first.saturating_add(self.row_group).min(self.splits.total())
    }

    /// Image numbers of the first images of each split, at most as many as asked for; clamps to what there is.
    pub fn subset(&self, images: Splits) -> [Range<u32>; 3] {
        let Splits {
            train,
            validation,
            test,
        } = self.splits;
        let run = |first: u32, asked: u32, there: u32| first..first + asked.min(there);
        [
            run(0, images.train, train),
            run(train, images.validation, validation),
            run(train + validation, images.test, test),
        ]
    }
}

/// Class names, refused at the first too many: an empty name takes eight times the memory of its bytes in a manifest.
fn classes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Classes;
    impl<'de> Visitor<'de> for Classes {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "at most {CLASSES_MAX} class names")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Vec<String>, A::Error> {
            let mut classes = Vec::new();
            while let Some(name) = names.next_element()? {
                if classes.len() == CLASSES_MAX {
                    return Err(A::Error::invalid_length(CLASSES_MAX + 1, &self));
                }
                classes.push(name);
            }
            Ok(classes)
        }
    }
    deserializer.deserialize_seq(Classes)
}

/// Key of the manifest of a dataset.
pub fn manifest_key(digest: &Digest) -> String {
    format!("datasets/{digest}/manifest")
}

/// Key of the object that tells which dataset a name means: a sealed [`Digest`].
pub fn name_key(name: &str) -> String {
    format!("datasets/names/{name}")
}

/// The object of a name, which tells the dataset it means.
pub fn seal_name(digest: &Digest) -> Vec<u8> {
    envelope::seal(NAME, NAME_VERSION, digest)
}

/// Reads what [`seal_name`] wrote.
pub fn open_name(bytes: &[u8]) -> Result<Digest, BadEnvelope> {
    envelope::open(NAME, NAME_VERSION, bytes)
}

/// Whether a name may be used for a dataset or a build: 1 to 64 letters, digits, `.`, `_` or `-`, the first a letter
/// or digit. Such a name is safe as one segment of a key or path.
pub fn is_name(text: &str) -> bool {
    let tail = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str, bytes: u64) -> ObjectRef {
        ObjectRef {
            key: text.into(),
            bytes,
            digest: Digest::of(text.as_bytes()),
        }
    }

    fn manifest() -> Manifest {
        let mut manifest = Manifest {
            name: "tiny".into(),
            digest: Digest::of(b""),
            classes: vec!["cat".into(), "dog".into()],
            size: Size {
                height: 32,
                width: 32,
            },
            channels: 1,
            splits: Splits {
                train: 8,
                validation: 2,
                test: 1,
            },
            row_group: 4,
            images: vec![object("a", 1), object("b", 1), object("c", 1)],
            labels: object("labels", 22),
            jpeg_files: None,
            skipped: vec![],
            skipped_count: 0,
            source_bytes: None,
        };
        manifest.digest = manifest.computed_digest();
        manifest
    }

    #[test]
    fn a_manifest_returns_from_its_bytes_and_parts_that_do_not_fit_are_refused() {
        let manifest = manifest();
        assert_eq!(Manifest::from_bytes(&manifest.to_bytes()), Ok(manifest.clone()));
        let mut wrong = manifest.clone();
        wrong.splits.train = 80;
        assert!(Manifest::from_bytes(&wrong.to_bytes()).is_err());
        let mut wrong = manifest.clone();
        wrong.classes.push("bird".into());
        assert!(Manifest::from_bytes(&wrong.to_bytes()).is_err());
        let mut wrong = manifest;
        wrong.classes.resize(CLASSES_MAX + 1, String::new());
        let refused = Manifest::from_bytes(&wrong.to_bytes()).unwrap_err().to_string();
        assert!(refused.contains("at most 65535 class names"), "{refused}");
    }

    #[test]
    fn subsets_are_prefixes_of_the_splits() {
        let manifest = manifest();
        assert_eq!(
            manifest.subset(Splits {
                train: 5,
                validation: 9,
                test: 0
            }),
            [0..5, 8..10, 10..10]
        );
        assert_eq!(manifest.row_group_images(2), 8..11);
    }

    #[test]
    fn the_last_row_group_of_as_many_images_as_there_can_be_ends_with_them() {
        let mut manifest = manifest();
        manifest.splits.train = u32::MAX - 3;
        manifest.row_group = 65_536;
        assert_eq!(manifest.row_group_images(65_535), u32::MAX - 65_535..u32::MAX);
    }

    #[test]
    fn names_that_could_leave_their_folder_are_refused() {
        assert!(is_name("fashion-mnist") && is_name("v1.2_x"));
        for bad in ["", "..", "a/b", "-x", "ü", "a b"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
