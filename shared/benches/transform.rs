//! How many images a core transforms: this crate's transform beside rustdct, and six block sizes at once beside one
//! after the other. Medians of interleaved rounds on 256×256 images of three channels; run with
//! `cargo bench -p imgcalc-shared --bench transform`.

use imgcalc_shared::codec::{Layout, Picture, Transform, Transforms, ycbcr_of};
use imgcalc_shared::format::{Family, Sampling, Size, diagonal_positions};
use rustdct::{DctPlanner, TransformType2And3};
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use std::sync::Arc;

const SIZE: Size = Size {
    height: 256,
    width: 256,
};
const CHANNELS: u16 = 3;
const BLOCKS: [u16; 6] = [8, 16, 32, 64, 128, 256];
const ROUNDS: usize = 15;
const WARM_UP_ROUNDS: usize = 2;
/// Images of one round: their pixels and values do not all stay in the nearest cache.
const IMAGES: u64 = 4;

fn main() {
    let pictures: Vec<Picture> = (0..IMAGES).map(picture).collect();
    println!(
        "images/s of one core, {}x{}x{CHANNELS}, sampling 1x1",
        SIZE.height, SIZE.width
    );
    println!("block keep     ours  rustdct  ratio");
    for block in BLOCKS {
        for keep in [block / 2, block] {
            let mut ours = Transform::new(family(block), SIZE, CHANNELS).unwrap();
            let mut theirs = RowColumn::new(block);
            let [ours, theirs] = images_per_second(
                &pictures,
                [
                    &mut |picture| drop(black_box(ours.coefficients(picture, keep).unwrap())),
                    &mut |picture| drop(black_box(theirs.coefficients(picture, keep))),
                ],
            );
            println!(
                "{block:>5} {keep:>4} {ours:>8.0} {theirs:>8.0} {:>5.1}x",
                ours / theirs
            );
        }
    }
    let families = BLOCKS.map(|block| (family(block), block));
    let mut together = Transforms::new(&families, SIZE, CHANNELS).unwrap();
    let mut single = families.map(|(family, keep)| (Transform::new(family, SIZE, CHANNELS).unwrap(), keep));
    let [together, single] = images_per_second(
        &pictures,
        [
            &mut |picture| drop(black_box(together.coefficients(picture).unwrap())),
            &mut |picture| {
                for (transform, keep) in &mut single {
                    black_box(transform.coefficients(picture, *keep).unwrap());
                }
            },
        ],
    );
    println!(
        "all six, keep = block: {together:.0} together, {single:.0} one by one, {:.2}x",
        together / single
    );
}

/// Medians of rounds in which each takes its turn.
fn images_per_second(pictures: &[Picture], mut ways: [&mut dyn FnMut(&Picture); 2]) -> [f64; 2] {
    let mut speeds = [const { Vec::new() }; 2];
    for round in 0..WARM_UP_ROUNDS + ROUNDS {
        for (way, speeds) in ways.iter_mut().zip(&mut speeds) {
            let start = core_seconds();
            pictures.iter().for_each(&mut **way);
            if round >= WARM_UP_ROUNDS {
                speeds.push(pictures.len() as f64 / (core_seconds() - start));
            }
        }
    }
    speeds.map(|mut speeds| {
        speeds.sort_by(f64::total_cmp);
        speeds[speeds.len() / 2]
    })
}

/// What this thread has had of a core: others on the machine do not count.
fn core_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn family(block: u16) -> Family {
    Family {
        sampling: Sampling::Full,
        block,
    }
}

/// Smooth parts and noise.
fn picture(seed: u64) -> Picture {
    let mut noise = seed;
    let mut samples = Vec::new();
    for row in 0..u64::from(SIZE.height) {
        for column in 0..u64::from(SIZE.width) {
            for channel in 0..u64::from(CHANNELS) {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                samples.push(((seed * 31 + row * 2 + column + channel * 40) % 208 + (noise >> 59)) as u8);
            }
        }
    }
    Picture::new(SIZE, CHANNELS, samples).unwrap()
}

/// Block by block, rows and then columns, with rustdct: a plain way to the same values.
struct RowColumn {
    layout: Layout,
    dct: Arc<dyn TransformType2And3<f64>>,
    scale: Vec<f64>,
    scratch: Vec<f64>,
}

impl RowColumn {
    fn new(block: u16) -> RowColumn {
        let dct = DctPlanner::new().plan_dct2(block.into());
        RowColumn {
            layout: Layout::new(family(block), SIZE, CHANNELS).unwrap(),
            scale: (0..block)
                .map(|frequency| (if frequency == 0 { 1.0 } else { 2.0 } / f64::from(block)).sqrt())
                .collect(),
            scratch: vec![0.0; dct.get_scratch_len()],
            dct,
        }
    }

    fn coefficients(&mut self, picture: &Picture, keep: u16) -> Vec<i16> {
        let side = self.scale.len();
        let (block, blocks) = (self.layout.family().block, self.layout.blocks());
        let (width, per_row) = (SIZE.width as usize, self.layout.grid().width as usize);
        let (pixels, _) = picture.samples.as_chunks::<3>();
        let levels: Vec<[f64; 3]> = pixels.iter().map(|&pixel| ycbcr_of(pixel)).collect();
        let mut values = vec![0; self.layout.values(keep)];
        let mut square = vec![0.0; side * side];
        let mut turned = vec![0.0; side * side];
        for channel in 0..CHANNELS {
            for at in 0..blocks {
                let (u, v) = (at / per_row, at % per_row);
                for (r, row) in square.chunks_exact_mut(side).enumerate() {
                    let levels = &levels[(u * side + r) * width + v * side..][..side];
                    for (pixel, level) in row.iter_mut().zip(levels) {
                        *pixel = level[usize::from(channel)];
                    }
                    self.dct.process_dct2_with_scratch(row, &mut self.scratch);
                }
                for (j, column) in turned.chunks_exact_mut(side).enumerate().take(keep.into()) {
                    for (level, row) in column.iter_mut().zip(square.chunks_exact(side)) {
                        *level = row[j];
                    }
                    self.dct.process_dct2_with_scratch(column, &mut self.scratch);
                }
                for diagonal in 0..keep {
                    let start = self.layout.run_start(diagonal, channel);
                    for (nth, (i, j)) in diagonal_positions(block, diagonal).enumerate() {
                        let (i, j) = (usize::from(i), usize::from(j));
                        let coefficient = turned[j * side + i] * self.scale[i] * self.scale[j];
                        let snapped = (coefficient * 1_048_576.0).round() / 1_048_576.0;
                        values[start + nth * blocks + at] = snapped.round() as i16;
                    }
                }
            }
        }
        values
    }
}
