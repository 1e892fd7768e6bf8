//! Inputs made of what the encoders write today: mutations start from there, so that they reach every coding.

use super::input::{put_piece, unnumbered};
use super::run::shape;
use imgcalc_shared::codec::{Picture, Transform};
use imgcalc_shared::coding::encode;
use imgcalc_shared::column::{self, Footer, Header, Step};
use imgcalc_shared::dataset::{Manifest, ObjectRef, Skipped, Splits};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::encoded;
use imgcalc_shared::envelope;
use imgcalc_shared::format::{Format, Size};

/// Numbers that look random and are the same on every run (Lehmer, 1951).
fn numbers(count: usize) -> impl Iterator<Item = u32> {
    let next = |state: &u64| Some(state * 48_271 % 0x7fff_ffff);
    std::iter::successors(Some(11), next)
        .map(|state| (state >> 8) as u32)
        .take(count)
}

/// Runs of every coding, with and without differences.
pub fn runs() -> Vec<Vec<u8>> {
    let steep = |number: u32| number.leading_zeros() as i16 - 9;
    let noise: Vec<i16> = numbers(384).map(|number| number as i16).collect();
    let small: Vec<i16> = numbers(700).map(steep).collect();
    let large: Vec<i16> = numbers(400)
        .map(|number| steep(number) << 5 | number as i16 & 31)
        .collect();
    let rare: Vec<i16> = numbers(900)
        .map(|number| {
            if number % 90 == 0 {
                number as i16
            } else {
                steep(number)
            }
        })
        .collect();
    let texture: Vec<i16> = noise.iter().cycle().take(6000).copied().collect();
    let busy = |at: usize| [0, 1, 12, 90][at / 128 % 16 / 4];
    let units: Vec<i16> = numbers(4000)
        .enumerate()
        .map(|(at, number)| steep(number) * busy(at))
        .collect();
    let sparse: Vec<i16> = numbers(40_000)
        .enumerate()
        .map(|(at, number)| if at / 512 % 16 == 3 { steep(number) } else { 0 })
        .collect();
    let slope: Vec<i16> = numbers(640)
        .enumerate()
        .map(|(at, number)| (at % 16 * 40) as i16 + steep(number))
        .collect();
    let flat = [vec![0; 1000], vec![], vec![-7; 130]];
    let all = [noise, small, large, rare, texture, units, sparse, slope]
        .into_iter()
        .chain(flat);
    all.flat_map(|values| [0, 0x3f].map(|byte| seed_of_run(&values, byte)))
        .collect()
}

fn seed_of_run(values: &[i16], of_shape: u8) -> Vec<u8> {
    let mut seed = vec![of_shape, 64];
    seed.extend_from_slice(&(values.len() as u16).to_le_bytes());
    seed.extend(unnumbered(&encode(values, shape(of_shape))));
    seed
}

/// A few values of each kind.
pub fn values() -> Vec<Vec<u8>> {
    let bytes: Vec<u8> = numbers(100).map(|number| number as u8).collect();
    let kinds = (0..4).flat_map(|kind| [0, 0x44, 0x80, 0xc8].map(|more| kind | more));
    kinds.map(|how| [&[0x3f, how], &bytes[..]].concat()).collect()
}

/// A picture with smooth parts and noise.
fn picture(height: u32, width: u32, channels: u16) -> Picture {
    let samples = (height * width * u32::from(channels)) as usize;
    let samples = numbers(samples)
        .enumerate()
        .map(|(at, number)| (at / 2 % 200) as u8 + (number % 40) as u8);
    Picture::new(Size { height, width }, channels, samples.collect()).expect("as many samples as it has")
}

/// Header and object of some images.
fn objects_of_pictures() -> Vec<(Header, Vec<u8>)> {
    let formats = [
        ("1x1-b8-k3-q1", 1, 2),
        ("4x4-b8-k15-q20", 3, 1),
        ("2x2-r-b16-k5-q1", 3, 3),
        ("1x1-b32-k2-q50", 1, 9),
    ];
    let objects = formats.map(|(format, channels, images)| {
        let format: Format = format.parse().expect("a format");
        let side = 2 * u32::from(format.block());
        let picture = picture(side, 2 * side, channels);
        let mut transform = Transform::new(format.family(), picture.size, channels).expect("a layout");
        let values = transform.values(&picture, format).expect("its picture");
        let header = Header {
            family: format.family(),
            quant: format.quant(),
            size: picture.size,
            channels,
            keep: format.keep(),
            first_image: 6,
            images,
        };
        let object =
            column::write(&header, &vec![values; images as usize]).expect("as many values as it has");
        (header, object)
    });
    objects.into()
}

/// Recipes of small objects.
pub fn columns() -> Vec<Vec<u8>> {
    let seed = |(header, object): (Header, Vec<u8>)| {
        let Ok(Step::Done(footer)) = Footer::read(object.len() as u64, &object) else {
            panic!("what was written can be read");
        };
        let (layout, family) = (footer.layout(), header.family);
        let code = layout.to_bytes()[0] | u8::from(header.channels == 3) << 2;
        let grid = layout.grid();
        let divided = u8::from(header.quant > 1) << 6;
        let mut seed = vec![
            code | (family.block.ilog2() as u8 - 3) << 3,
            (grid.height - 1) as u8 | ((grid.width - 1) as u8) << 3 | divided | 128,
            (header.images - 1) as u8,
        ];
        seed.extend_from_slice(&(header.keep - 1).to_le_bytes());
        seed.extend_from_slice(&(header.quant - 1).to_le_bytes());
        for chunk in footer.chunk_facts(&object).expect("intact chunks") {
            put_piece(
                &unnumbered(&object[chunk.bytes.start as usize..chunk.bytes.end as usize]),
                &mut seed,
            );
        }
        seed
    };
    objects_of_pictures().into_iter().map(seed).collect()
}

/// Small objects.
pub fn objects() -> Vec<Vec<u8>> {
    let seeds = objects_of_pictures()
        .into_iter()
        .map(|(_, object)| [&[7, 0], &object[..]].concat());
    seeds.collect()
}

/// Small images, padded and not.
pub fn images() -> Vec<Vec<u8>> {
    let formats = [
        ("1x1-b8-k3-q1", 16, 16, 1),
        ("4x4-b8-k15-q20", 17, 5, 3),
        ("2x2-c-b16-k9-q50", 20, 40, 1),
    ];
    let seeds = formats.map(|(format, height, width, channels)| {
        let file = encoded::encode(
            &picture(height, width, channels),
            format.parse().expect("a format"),
        );
        let file = file.expect("a picture of any size");
        let run = unnumbered(&file[44..file.len() - 8]);
        [[&[0], &file[16..44], &run].concat(), [&[1], &file[..]].concat()]
    });
    seeds.concat()
}

/// A manifest, a name, and the manifest as it is written.
pub fn manifests() -> Vec<Vec<u8>> {
    let object = |key: &str, bytes| ObjectRef {
        key: key.into(),
        bytes,
        digest: Digest::of(key.as_bytes()),
    };
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
        jpeg_files: Some(object("jpeg", 9)),
        skipped: vec![Skipped {
            name: "d.png".into(),
            reason: "it is empty".into(),
        }],
        skipped_count: 3,
        source_bytes: Some(90),
    };
    manifest.digest = manifest.computed_digest();
    let value = serde_json::to_vec(&manifest).expect("a manifest serialises");
    let name = serde_json::to_vec(&manifest.digest).expect("a digest serialises");
    let of_name = envelope::seal("imgcalc-dataset-name", 1, &manifest.digest);
    let ways = [
        (0, manifest.to_bytes()),
        (0, of_name),
        (1, value.clone()),
        (2, value),
        (3, name),
    ];
    ways.map(|(how, bytes)| [&[how], &bytes[..]].concat()).into()
}
