//! How fast one core decodes columns and single images, beside a plain copy of as many bytes in the same rounds: medians
//! of interleaved rounds on 1,024 images of 256×256 and three channels. Run with
//! `cargo bench -p imgcalc-shared --bench decode -- 8/8 256/128 …` for some formats (block/keep) instead of all.
//!
//! `CROPS=file` measures on real pictures: 256×256 RGB samples, one picture behind the other, as `make bench-storage`
//! leaves them in `crops.u8`. `QUANT=n` chooses another factor than 50, `STORED=1` columns that serve every factor,
//! `ROUNDS=n` more rounds.

use imgcalc_shared::codec::{Layout, Picture, Transform, quantise};
use imgcalc_shared::column::{self, Decoding, Footer, Header, Step};
use imgcalc_shared::encoded::{self, PlanesDecoder};
use imgcalc_shared::format::{Format, Sampling, Size};
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;

const SIZE: Size = Size {
    height: 256,
    width: 256,
};
const CHANNELS: u16 = 3;
const PICTURE_BYTES: usize = 256 * 256 * 3;
/// Of a row group.
const IMAGES: usize = 1024;
/// Single images are fewer: each is a file.
const FILES: usize = 256;
const SHAPES: [(u16, u16); 10] = [
    (8, 1),
    (8, 4),
    (8, 8),
    (32, 3),
    (32, 8),
    (32, 16),
    (128, 16),
    (128, 64),
    (256, 24),
    (256, 128),
];
const ROUNDS: u16 = 9;
const WARM_UP_ROUNDS: u16 = 1;

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word.contains('/'))
        .collect();
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u16>().ok());
    let quant = number("QUANT").unwrap_or(50);
    let stored = number("STORED").unwrap_or(quant);
    let rounds = number("ROUNDS").unwrap_or(ROUNDS);
    let pictures = pictures();
    println!(
        "one core, q = {quant} out of columns of q = {stored}; thousand images/s, GB/s of i16 written, % of a copy"
    );
    println!(
        "format   chunk-major             planes                  a .ic to values, to planes, us; copy GB/s"
    );
    for (block, keep) in SHAPES {
        let name = format!("{block}/{keep}");
        if !wanted.is_empty() && !wanted.contains(&name) {
            continue;
        }
        let format = Format::new(Sampling::Full, block, keep, quant).unwrap();
        let subject = Subject::new(&pictures, format, stored);
        let medians = subject.measure(rounds);
        let [chunks, planes, values_seconds, planes_seconds, copy] = medians;
        let column = |seconds: f64, values: usize| {
            let rate = (2 * values * IMAGES) as f64 / seconds;
            format!(
                "{:>7.1} {:>6.2} {:>5.1} %",
                IMAGES as f64 / seconds / 1e3,
                rate / 1e9,
                100.0 * rate / copy
            )
        };
        println!(
            "{name:<8} {} {} {:>9.1} {:>7.1} {:>14.1}",
            column(chunks, subject.layout.values(keep)),
            column(planes, subject.layout.plane_values(keep)),
            values_seconds / FILES as f64 * 1e6,
            planes_seconds / FILES as f64 * 1e6,
            copy / 1e9,
        );
    }
}

/// One format of all images, as a column object and as files.
struct Subject {
    layout: Layout,
    format: Format,
    object: Vec<u8>,
    files: Vec<Vec<u8>>,
}

impl Subject {
    fn new(pictures: &[Picture], format: Format, stored: u16) -> Subject {
        let layout = Layout::new(format.family(), SIZE, CHANNELS).unwrap();
        let mut transform = Transform::new(format.family(), SIZE, CHANNELS).unwrap();
        let image = |picture| -> Vec<i16> {
            let coefficients = transform.coefficients(picture, format.keep()).unwrap();
            coefficients
                .iter()
                .map(|&value| quantise(value, stored))
                .collect()
        };
        let images: Vec<Vec<i16>> = pictures.iter().map(image).collect();
        let header = Header {
            family: format.family(),
            quant: stored,
            size: SIZE,
            channels: CHANNELS,
            keep: format.keep(),
            first_image: 0,
            images: IMAGES as u32,
        };
        let files = pictures[..FILES]
            .iter()
            .map(|picture| encoded::encode(picture, format).unwrap());
        Subject {
            layout,
            format,
            object: column::write(&header, &images).unwrap(),
            files: files.collect(),
        }
    }

    /// Seconds of all images as chunks, as planes, of all files as values and as planes; bytes copied a second.
    fn measure(&self, rounds: u16) -> [f64; 5] {
        let (keep, quant) = (self.format.keep(), self.format.quant());
        let footer = footer(&self.object);
        let mut room = Decoding::default();
        let mut planes = vec![0; self.layout.plane_values(keep) * IMAGES];
        let mut chunks = vec![0; self.layout.values(keep) * IMAGES];
        let mut decoder = PlanesDecoder::default();
        // What a copy moves does not fit into caches, like all planes.
        let copied = vec![1i16; planes.len().max(1 << 25)];
        let mut copy = vec![2i16; copied.len()];
        let mut all = [const { Vec::new() }; 5];
        for round in 0..WARM_UP_ROUNDS + rounds {
            let given = [
                timed(|| {
                    footer
                        .chunks_into(&self.object, keep, quant, &mut chunks, &mut room)
                        .unwrap()
                }),
                timed(|| {
                    footer
                        .planes_into(
                            &self.object,
                            keep,
                            quant,
                            0..IMAGES as u32,
                            &mut planes,
                            &mut room,
                        )
                        .unwrap()
                }),
                timed(|| {
                    for file in &self.files {
                        drop(black_box(encoded::decode_values(file).unwrap()));
                    }
                }),
                timed(|| {
                    for file in &self.files {
                        black_box(decoder.decode(file).unwrap());
                    }
                }),
                2.0 * copied.len() as f64
                    / timed(|| black_box(&mut copy).copy_from_slice(black_box(&copied))),
            ];
            if round >= WARM_UP_ROUNDS {
                all.iter_mut().zip(given).for_each(|(all, given)| all.push(given));
            }
        }
        all.map(|mut given| {
            given.sort_by(f64::total_cmp);
            given[given.len() / 2]
        })
    }
}

/// Seconds this thread has had of a core: others on the machine do not count.
fn timed(call: impl FnOnce()) -> f64 {
    let seconds = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
    };
    let start = seconds();
    call();
    seconds() - start
}

fn footer(object: &[u8]) -> Footer {
    let mut tail = object.len()..object.len();
    loop {
        match Footer::read(object.len() as u64, &object[tail.clone()]).unwrap() {
            Step::Done(footer) => return footer,
            Step::NeedMore(range) => tail = range.start as usize..range.end as usize,
        }
    }
}

/// Those of `CROPS`, or made-up ones.
fn pictures() -> Vec<Picture> {
    let samples: Vec<Vec<u8>> = match std::env::var("CROPS") {
        Ok(file) => std::fs::read(file)
            .unwrap()
            .chunks_exact(PICTURE_BYTES)
            .map(<[u8]>::to_vec)
            .collect(),
        Err(_) => (0..IMAGES as u64).map(made_up).collect(),
    };
    let picture = |at: usize| Picture::new(SIZE, CHANNELS, samples[at % samples.len()].clone()).unwrap();
    (0..IMAGES).map(picture).collect()
}

/// Noise of all wavelengths, the longer the stronger, as photographs have it: some calm and some busy, the same in all
/// channels but for a weak cast.
fn made_up(seed: u64) -> Vec<u8> {
    let busy = f64::from(seed as u32 % 8) / 8.0;
    let mut level = vec![[0.0f64; 3]; 256 * 256];
    let mut strength = 40.0;
    for cell in [128usize, 64, 32, 16, 8, 4, 2] {
        for (at, level) in level.iter_mut().enumerate() {
            let (row, column) = (at / 256, at % 256);
            let (down, across) = (
                (row % cell) as f64 / cell as f64,
                (column % cell) as f64 / cell as f64,
            );
            let corner = |channel: u64, r: usize, c: usize| {
                noise(seed, channel, (row / cell + r) * 300 + column / cell + c, cell)
            };
            let at = |channel| {
                (1.0 - down) * ((1.0 - across) * corner(channel, 0, 0) + across * corner(channel, 0, 1))
                    + down * ((1.0 - across) * corner(channel, 1, 0) + across * corner(channel, 1, 1))
            };
            let light = at(0);
            for (channel, level) in level.iter_mut().enumerate() {
                *level += strength * (light + 0.25 * at(1 + channel as u64));
            }
        }
        strength *= 0.5 + 0.25 * busy;
    }
    let mut grain = 0;
    let sample = |level: f64| {
        grain += 1;
        (128.0 + level + 2.0 * noise(seed, 9, grain, 1)).clamp(0.0, 255.0) as u8
    };
    level.into_iter().flatten().map(sample).collect()
}

/// A number of −1 … 1 that looks random (SplitMix64).
fn noise(seed: u64, channel: u64, at: usize, cell: usize) -> f64 {
    let mut mixed = (seed << 40 | channel << 32 | (at as u64) << 8 | cell as u64)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    (mixed >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}
