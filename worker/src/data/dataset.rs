//! Reads datasets back from a base.

use super::base::Base;
use super::pixels;
use crate::failure::Failure;
use bytes::Bytes;
use imgcalc_shared::codec::Picture;
use imgcalc_shared::dataset::{Manifest, is_name, manifest_key, name_key, open_name, seal_name};
use imgcalc_shared::digest::Digest;
use std::ops::Range;

/// The manifest of the dataset of this digest.
pub fn load_manifest(base: &Base, digest: &Digest) -> Result<Manifest, Failure> {
    let key = manifest_key(digest);
    let damaged =
        |why: String| Failure::bad_data(format!("the manifest {key} in {} is damaged: {why}", base.url()));
    let manifest = Manifest::from_bytes(&base.get(&key)?).map_err(|error| damaged(error.to_string()))?;
    if manifest.digest != *digest {
        return Err(damaged(format!("it is that of dataset {}", manifest.digest)));
    }
    Ok(manifest)
}

/// The manifest of the dataset this name means now.
pub fn load_by_name(base: &Base, name: &str) -> Result<Manifest, Failure> {
    if !is_name(name) {
        return Err(Failure::bad_data(format!(
            "{name:?} is no name of a dataset: use 1 to 64 letters, digits, `.`, `_` or `-`"
        )));
    }
    let key = name_key(name);
    if !base.exists(&key)? {
        let names: Vec<String> = names(base)?;
        let known = if names.is_empty() {
            "it holds none; make one with `data import`".to_string()
        } else {
            format!("it holds {}", names.join(", "))
        };
        return Err(Failure::bad_data(format!(
            "there is no dataset {name} in {}: {known}",
            base.url()
        )));
    }
    let digest = open_name(&base.get(&key)?).map_err(|error| {
        Failure::bad_data(format!("the name {key} in {} is damaged: {error}", base.url()))
    })?;
    let manifest = load_manifest(base, &digest)?;
    Ok(Manifest {
        name: name.to_string(),
        ..manifest
    })
}

/// The names of all datasets.
pub fn names(base: &Base) -> Result<Vec<String>, Failure> {
    let folder = name_key("");
    let keys = base.list(folder.trim_end_matches('/'))?;
    Ok(keys
        .iter()
        .filter_map(|(key, _)| key.strip_prefix(&folder))
        .map(str::to_string)
        .collect())
}

/// What an import that may give a name another meaning must look at before it starts; none if the name is free. Not
/// opened, so that a damaged one can be replaced.
pub(crate) fn name_now(base: &Base, name: &str) -> Result<Option<Bytes>, Failure> {
    let key = name_key(name);
    match base.exists(&key)? {
        true => base.get(&key).map(Some),
        false => Ok(None),
    }
}

/// Makes a dataset visible: its manifest first, then the name that points to it. Fails if the name has got another
/// meaning than it had `before`: of two imports that run at once one would otherwise be lost without a word.
///
/// A manifest needs no such care: two of one digest describe the same dataset, and either is whole.
pub(crate) fn publish(base: &Base, manifest: &Manifest, before: Option<&Bytes>) -> Result<(), Failure> {
    base.put(&manifest_key(&manifest.digest), manifest.to_bytes())?;
    let key = name_key(&manifest.name);
    let meaning = Bytes::from(seal_name(&manifest.digest));
    let given = match before {
        None => base.put_if_absent(&key, meaning)?,
        // Not every store can compare and swap: between this look and the write a third import could still slip in.
        Some(before) => {
            let now = name_now(base, &manifest.name)?;
            let ours = now.as_ref() == Some(before) || now.as_ref() == Some(&meaning);
            if ours {
                base.put(&key, meaning)?;
            }
            ours
        }
    };
    if given {
        return Ok(());
    }
    Err(Failure::application(format!(
        "another import gave the name {} in {} to another dataset meanwhile; import again to replace that, or under \
         another name",
        manifest.name,
        base.url()
    )))
}

/// The label of every image.
pub fn load_labels(base: &Base, manifest: &Manifest) -> Result<Vec<u16>, Failure> {
    let bytes = base.get_shared(&manifest.labels)?;
    let labels: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    match labels
        .iter()
        .position(|&label| usize::from(label) >= manifest.classes.len())
    {
        None => Ok(labels),
        Some(image) => Err(Failure::bad_data(format!(
            "the labels {} in {} are damaged: image {image} has label {}, but there are {} classes",
            manifest.labels.key,
            base.url(),
            labels[image],
            manifest.classes.len()
        ))),
    }
}

/// The images of a range, as pictures.
pub fn load_pictures(base: &Base, manifest: &Manifest, images: Range<u32>) -> Result<Vec<Picture>, Failure> {
    let mut pictures = Vec::with_capacity(images.len());
    for_each_group(base, manifest, images, |pixels| {
        let pixels = pixels.chunks_exact(pixels::image_bytes(manifest.size, manifest.channels));
        pictures.extend(pixels.map(|samples| Picture {
            size: manifest.size,
            channels: manifest.channels,
            samples: samples.to_vec(),
        }));
    })?;
    Ok(pictures)
}

/// The pixels of a range as a net sees them: images × channels × rows × columns, 0 to 255.
pub fn load_pixel_planes(base: &Base, manifest: &Manifest, images: Range<u32>) -> Result<Vec<i16>, Failure> {
    let image_bytes = pixels::image_bytes(manifest.size, manifest.channels);
    let mut planes = Vec::with_capacity(images.len() * image_bytes);
    for_each_group(base, manifest, images, |pixels| {
        for image in pixels.chunks_exact(image_bytes) {
            append_planes(image, manifest.channels, &mut planes);
        }
    })?;
    Ok(planes)
}

/// Appends interleaved pixels one channel after the other.
pub(crate) fn append_planes(samples: &[u8], channels: u16, planes: &mut Vec<i16>) {
    let channels = usize::from(channels);
    for channel in 0..channels {
        planes.extend(
            samples
                .iter()
                .skip(channel)
                .step_by(channels)
                .map(|&sample| i16::from(sample)),
        );
    }
}

/// The row groups that hold these images: their numbers.
pub(crate) fn groups_of(manifest: &Manifest, images: &Range<u32>) -> Range<u32> {
    if images.is_empty() {
        return 0..0;
    }
    images.start / manifest.row_group..(images.end - 1) / manifest.row_group + 1
}

/// Calls with the pixels of the wanted images of each row group that has some, in order.
fn for_each_group(
    base: &Base,
    manifest: &Manifest,
    images: Range<u32>,
    mut work: impl FnMut(Vec<u8>),
) -> Result<(), Failure> {
    for group in groups_of(manifest, &images) {
        work(load_group(base, manifest, group, &images)?);
    }
    Ok(())
}

/// The pixels of those images of one row group that lie in the range.
pub(crate) fn load_group(
    base: &Base,
    manifest: &Manifest,
    group: u32,
    images: &Range<u32>,
) -> Result<Vec<u8>, Failure> {
    let Some(object) = manifest.images.get(group as usize) else {
        let total = manifest.splits.total();
        return Err(Failure::bad_data(format!(
            "the dataset {} has {total} images, images up to {} are needed",
            manifest.digest, images.end
        )));
    };
    let bytes = base.get_shared(object)?;
    let name = format!("{} in {}", object.key, base.url());
    let damaged = |why: &str| Failure::bad_data(format!("the pixels {name} are damaged: {why}"));
    let header = pixels::Header::read(&bytes).map_err(|why| damaged(&why))?;
    let there = manifest.row_group_images(group);
    if (header.images as usize, header.size, header.channels)
        != (there.len(), manifest.size, manifest.channels)
    {
        return Err(damaged("they are not those of the manifest"));
    }
    let (first, end) = (images.start.max(there.start), images.end.min(there.end));
    if images.end > manifest.splits.total() {
        return Err(damaged("there are fewer images than are needed"));
    }
    pixels::read(&name, &bytes, first - there.start..end - there.start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgcalc_shared::dataset::{ObjectRef, Splits};
    use imgcalc_shared::format::Size;

    fn manifest(classes: &[&str]) -> Manifest {
        let object = |key: &str, bytes: u64| ObjectRef {
            key: key.into(),
            bytes,
            digest: Digest::of(b""),
        };
        let mut manifest = Manifest {
            name: "same".into(),
            digest: Digest::of(b""),
            classes: classes.iter().map(|class| class.to_string()).collect(),
            size: Size { height: 8, width: 8 },
            channels: 1,
            splits: Splits {
                train: 1,
                validation: 1,
                test: 0,
            },
            row_group: 2,
            images: vec![object("pixels", 100)],
            labels: object("labels", 4),
            jpeg_files: None,
            skipped: Vec::new(),
            skipped_count: 0,
            source_bytes: None,
        };
        manifest.digest = manifest.computed_digest();
        manifest
    }

    #[test]
    fn of_two_imports_that_give_one_name_at_once_the_second_is_told() {
        let base = Base::open("memory://").unwrap();
        let (one, other) = (manifest(&["one"]), manifest(&["other"]));
        let means = || load_by_name(&base, "same").unwrap().digest;
        // A free name.
        let before = name_now(&base, "same").unwrap();
        assert_eq!(before, None);
        publish(&base, &one, None).unwrap();
        let refused = publish(&base, &other, None).unwrap_err();
        assert!(refused.message.contains("another import"), "{refused}");
        assert_eq!(means(), one.digest);
        publish(&base, &one, None).unwrap();

        // A name that is to be replaced.
        let before = name_now(&base, "same").unwrap();
        publish(&base, &other, before.as_ref()).unwrap();
        assert_eq!(means(), other.digest);
        publish(&base, &one, before.as_ref()).unwrap_err();
        assert_eq!(means(), other.digest);

        // A damaged name is replaced like any other.
        base.put(&name_key("same"), b"damaged".to_vec()).unwrap();
        let before = name_now(&base, "same").unwrap();
        publish(&base, &one, before.as_ref()).unwrap();
        assert_eq!(means(), one.digest);
    }
}
