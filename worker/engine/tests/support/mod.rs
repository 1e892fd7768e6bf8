//! A small problem that can be learnt, and an observer that keeps what a training gives it.

#![allow(dead_code)] // Each test program uses a part of it.

use imgcalc_engine::{
    Blocks, Course, EngineError, Init, Observer, Place, Progress, Samples, TrainData, Trained, Wish, train,
};
use imgcalc_shared::training::{Hyper, InputShape, Net};

pub const CLASSES: u16 = 3;

pub fn net() -> Net {
    Net::SmallResnet {
        width: 4,
        blocks: vec![1, 1],
    }
}

pub fn hyper(epochs: u32) -> Hyper {
    Hyper {
        learning_rate: 0.1,
        momentum: 0.9,
        weight_decay: 1e-4,
        batch_size: 16,
        epochs,
        seed: 7,
        ..Hyper::default()
    }
}

/// Images of noise with a bright row whose place, a third of the image, is the class.
pub fn samples(images: usize, side: u16, period: u16, seed: u32) -> Samples {
    let shape = InputShape {
        channels: 1,
        height: side,
        width: side,
    };
    let mut state = seed;
    let mut noise = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 26) as i16 - 32
    };
    let labels: Vec<u16> = (0..images)
        .map(|image| (image % CLASSES as usize) as u16)
        .collect();
    let mut values = Vec::new();
    for &label in &labels {
        for row in 0..side {
            let bright = row * CLASSES / side == label;
            values.extend(
                (0..side).map(|column| noise() + if bright && column % 2 == label % 2 { 100 } else { 0 }),
            );
        }
    }
    Samples {
        shape,
        blocks: Blocks {
            side: period,
            keep: 2 * period - 1,
            quant: 1,
        },
        values,
        labels,
    }
}

pub fn data(side: u16, period: u16) -> TrainData {
    TrainData {
        train: samples(90, side, period, 1),
        validation: samples(30, side, period, 2),
        test: Some(samples(30, side, period, 3)),
        classes: CLASSES,
    }
}

/// Keeps all it is told; wishes for a checkpoint at the end of each epoch, and what it is set to.
#[derive(Default)]
pub struct Keeper {
    pub reports: Vec<Progress>,
    pub checkpoints: Vec<(Place, Vec<u8>)>,
    pub at: Vec<(Place, Wish)>,
    pub refuse: bool,
}

impl Observer for Keeper {
    fn progress(&mut self, progress: &Progress) {
        self.reports.push(progress.clone());
    }

    fn wish(&self, place: Place) -> Wish {
        match self.at.iter().find(|(at, _)| *at == place) {
            Some((_, wish)) => *wish,
            None if place.step == 0 => Wish::Checkpoint,
            None => Wish::GoOn,
        }
    }

    fn checkpoint(&mut self, place: Place, bytes: &[u8]) -> Result<(), String> {
        if self.refuse {
            return Err("the disk is full".into());
        }
        assert!(self.checkpoints.last().is_none_or(|(last, _)| *last < place));
        self.checkpoints.push((place, bytes.to_vec()));
        Ok(())
    }
}

pub fn place(epoch: u32, step: u64) -> Place {
    Place { epoch, step }
}

pub fn run<'a>(
    course: impl Into<Course<'a>>,
    data: &TrainData,
    init: Init,
    resume: Option<&[u8]>,
) -> Result<(Trained, Keeper), EngineError> {
    let mut keeper = Keeper::default();
    let trained = train(&net(), course, data, init, resume, &mut keeper)?;
    Ok((trained, keeper))
}

/// All runs of one test binary must compute with equally many threads.
pub fn setup() {
    imgcalc_engine::set_threads(1);
}
