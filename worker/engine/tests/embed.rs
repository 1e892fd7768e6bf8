//! Embeddings of formats: that they come again, that they go on where they were, and that like formats lie side by side.

mod support;

use imgcalc_engine::{Embedded, EngineError, Place, Wish, embed};
use imgcalc_shared::codec::Picture;
use imgcalc_shared::format::{Format, Size};
use imgcalc_shared::training::Embedding;
use support::*;

const SIDE: usize = 32;

/// Waves of some direction, length and strength under noise: no image is like another.
fn pictures(count: usize, seed: u64) -> Vec<Picture> {
    let mut state = seed;
    let mut unit = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1_u64 << 24) as f64
    };
    let size = Size {
        height: SIDE as u32,
        width: SIDE as u32,
    };
    let mut picture = || {
        let waves: Vec<[f64; 4]> = (0..4).map(|_| [unit(), unit(), unit(), unit()]).collect();
        let samples = (0..SIDE * SIDE).map(|at| {
            let (x, y) = ((at % SIDE) as f64 / SIDE as f64, (at / SIDE) as f64 / SIDE as f64);
            let wave = |[across, down, phase, strength]: &[f64; 4]| {
                strength * (20.0 * (across * x + down * y + phase)).sin()
            };
            let light: f64 = waves.iter().map(wave).sum();
            (128.0 + 35.0 * light + 8.0 * unit()) as u8
        });
        Picture::new(size, 1, samples.collect()).unwrap()
    };
    (0..count).map(|_| picture()).collect()
}

fn formats() -> Vec<Format> {
    let mut formats = Vec::new();
    for family in ["1x1-b8", "1x1-b16", "4x4-b8"] {
        for keep in [1, 2, 3, 4, 5, 6] {
            formats.push(format!("{family}-k{keep}-q20").parse().unwrap());
        }
    }
    formats
}

fn embedding(steps: u32) -> Embedding {
    Embedding {
        steps,
        batch_size: 16,
        width: 4,
        code: 8,
        dimensions: 6,
        images: 64,
        probes: 24,
        seed: 3,
        ..Embedding::default()
    }
}

fn embedded(embedding: &Embedding, resume: Option<&[u8]>) -> Result<(Embedded, Keeper), EngineError> {
    let mut keeper = Keeper::default();
    let embedded = embed(
        &formats(),
        embedding,
        &pictures(64, 1),
        &pictures(24, 2),
        resume,
        &mut keeper,
    )?;
    Ok((embedded, keeper))
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn an_embedding_left_anywhere_and_resumed_equals_an_undisturbed_one_bit_for_bit() {
    setup();
    let settings = embedding(50);
    let (whole, kept) = embedded(&settings, None).unwrap();
    assert_eq!(whole.curve.len(), 20);
    assert_eq!(kept.checkpoints.len(), 20);
    assert_eq!(whole.curve.last().unwrap().step, 50);
    for (epoch, step) in [(0, 1), (3, 1), (7, 2), (13, 0), (19, 1)] {
        let at: Place = place(epoch, step);
        let mut keeper = Keeper {
            at: vec![(at, Wish::Leave)],
            ..Keeper::default()
        };
        let (images, probes) = (pictures(64, 1), pictures(24, 2));
        let left = embed(&formats(), &settings, &images, &probes, None, &mut keeper);
        assert!(matches!(left, Err(EngineError::Stopped)), "{at:?}");
        let (last, bytes) = keeper.checkpoints.pop().unwrap();
        assert_eq!(last, at);
        let (resumed, again) = embedded(&settings, Some(&bytes)).unwrap();
        assert!(resumed == whole, "left at {at:?}");
        assert!(
            again.checkpoints.last() == kept.checkpoints.last(),
            "left at {at:?}"
        );
    }
    // After the last step only the vectors are made anew.
    let (_, last) = kept.checkpoints.last().unwrap();
    let (resumed, again) = embedded(&settings, Some(last)).unwrap();
    assert!(resumed == whole && again.checkpoints.is_empty());
}

#[test]
fn a_checkpoint_of_another_embedding_or_a_damaged_one_is_refused() {
    setup();
    let (_, kept) = embedded(&embedding(2), None).unwrap();
    let (_, bytes) = &kept.checkpoints[0];
    let refused = |settings: &Embedding, bytes: &[u8]| {
        let error = embedded(settings, Some(bytes)).map(|_| ()).unwrap_err();
        assert!(matches!(error, EngineError::BadCheckpoint(_)), "{error}");
    };
    let other = Embedding {
        seed: 4,
        ..embedding(2)
    };
    refused(&other, bytes);
    for at in [3, bytes.len() / 2, bytes.len() - 5] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        refused(&embedding(2), &damaged);
    }
    refused(&embedding(2), &bytes[..bytes.len() - 1]);
}

#[test]
fn formats_never_seen_in_training_lie_beside_their_neighbours() {
    setup();
    // Of each family's six keeps only the ends are seen.
    let settings = Embedding {
        seen: 0.2,
        ..embedding(150)
    };
    let formats = formats();
    let seen = settings.seen_of(&formats);
    assert!(seen.iter().all(|family| family.len() == 2));
    let (embedded, _) = embedded(&settings, None).unwrap();
    let found = embedded.curve.last().unwrap().found;
    assert!(
        found > 3.0 / 16.0,
        "finds {found} of the images, hardly more than one who guesses"
    );
    let alike = |a: usize, b: usize| cosine(&embedded.vectors[a], &embedded.vectors[b]);
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    for (at, format) in formats.iter().enumerate() {
        if seen.iter().flatten().any(|other| other == format) {
            continue;
        }
        // Formats of a family lie in order of their keeps, and the ends of each are seen.
        let (beside, others): (Vec<usize>, Vec<usize>) = (0..formats.len())
            .filter(|other| *other != at)
            .partition(|other| other.abs_diff(at) == 1);
        let beside: Vec<f64> = beside.into_iter().map(|other| alike(at, other)).collect();
        let others: Vec<f64> = others.into_iter().map(|other| alike(at, other)).collect();
        let (beside, others) = (mean(&beside), mean(&others));
        assert!(
            beside > others,
            "{format}: {beside} to its neighbours, {others} to the others"
        );
    }
}

#[test]
fn what_cannot_be_embedded_is_refused_before_anything_is_done() {
    setup();
    let (images, probes) = (pictures(20, 1), pictures(4, 2));
    let refused = |formats: &[Format], settings: &Embedding, images: &[Picture], probes: &[Picture]| {
        let error = embed(formats, settings, images, probes, None, &mut Keeper::default()).unwrap_err();
        assert!(matches!(error, EngineError::BadData(_)), "{error}");
        error.to_string()
    };
    let (formats, settings) = (formats(), embedding(2));
    assert!(refused(&formats[..1], &settings, &images, &probes).contains("two or more"));
    assert!(refused(&[formats[0], formats[0]], &settings, &images, &probes).contains("each once"));
    assert!(refused(&formats, &settings, &images[..1], &probes).contains("1 images"));
    let large: Vec<Format> = vec![formats[0], "1x1-b64-k2-q20".parse().unwrap()];
    assert!(refused(&large, &settings, &images, &probes).contains("1x1-b64-k2-q20"));
    let none = Embedding {
        steps: 0,
        ..settings.clone()
    };
    assert!(refused(&formats, &none, &images, &probes).contains("steps"));
    let mut odd = images.clone();
    odd[3] = Picture::new(Size { height: 8, width: 8 }, 1, vec![0; 64]).unwrap();
    assert!(refused(&formats, &settings, &odd, &probes).contains("differ in size"));
}
