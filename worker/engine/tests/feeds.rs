//! Trainings whose images are read window by window.

mod support;

use imgcalc_engine::{Definition, EngineError, Feed, Feeds, Init, Planes, Samples, Stream, Wish, train_on};
use imgcalc_shared::training::{Hyper, Optimizer, Precision, Schedule};
use support::*;

/// Images of a row group.
const GROUP: usize = 16;

/// Row groups of images in memory, as if they were read.
struct Memory {
    samples: Samples,
    asked: std::vec::IntoIter<Vec<u32>>,
    /// Windows after which nothing can be read any more.
    left: usize,
}

impl Stream for Memory {
    fn begin(&mut self, windows: Vec<Vec<u32>>) {
        self.asked = windows.into_iter();
    }

    fn next(&mut self) -> Result<Vec<i16>, String> {
        self.left = self.left.checked_sub(1).ok_or("the cable is cut")?;
        let image = self.samples.shape.values();
        let group = |group: u32| {
            let first = group as usize * GROUP;
            let last = self.samples.len().min(first + GROUP);
            self.samples.values[first * image..last * image].to_vec()
        };
        let window = self.asked.next().expect("a window that was asked for");
        Ok(window.into_iter().flat_map(group).collect())
    }
}

fn groups(samples: &Samples) -> Vec<u32> {
    let chunks = samples.labels.chunks(GROUP);
    chunks.map(|images| images.len() as u32).collect()
}

/// The same splits, streamed or at hand, with windows of two row groups.
fn feeds(streamed: bool, left: usize) -> Feeds {
    let data = data(6, 2);
    let window_bytes = (2 * GROUP * data.train.shape.values() * 2) as u64;
    let feed = |samples: &Samples| {
        let (labels, groups) = (samples.labels.clone(), groups(samples));
        if !streamed {
            let planes = Planes::new(&samples.values, samples.shape, samples.blocks).unwrap();
            return Feed::resident(planes, labels, groups);
        }
        let stream = Memory {
            samples: samples.clone(),
            asked: Vec::new().into_iter(),
            left,
        };
        Feed::streamed(Box::new(stream), samples.shape, samples.blocks, labels, groups)
    };
    Feeds {
        train: feed(&data.train),
        validation: feed(&data.validation),
        test: data.test.as_ref().map(feed),
        classes: data.classes,
        window_bytes,
    }
}

#[test]
fn images_that_are_read_window_by_window_give_what_those_at_hand_give() {
    setup();
    let trained = |mut feeds: Feeds| {
        train_on(
            &Definition::from(&net()),
            &hyper(3),
            &mut feeds,
            Init::Scratch,
            None,
            &mut Keeper::default(),
        )
        .unwrap()
    };
    let (read, at_hand) = (trained(feeds(true, usize::MAX)), trained(feeds(false, 0)));
    assert!(read == at_hand);
    assert!(read.accuracy > 0.5, "{}", read.accuracy);
    // In one window the order is another.
    let one = train_on(
        &Definition::from(&net()),
        &hyper(3),
        &mut Feeds {
            window_bytes: u64::MAX,
            ..feeds(false, 0)
        },
        Init::Scratch,
        None,
        &mut Keeper::default(),
    );
    assert!(one.unwrap().weights != read.weights);
}

#[test]
fn it_is_resumed_in_the_middle_of_a_window() {
    setup();
    let at = |step| vec![(place(1, step), Wish::Checkpoint)];
    let run = |resume: Option<&[u8]>, keeper: &mut Keeper| {
        train_on(
            &Definition::from(&net()),
            &hyper(2),
            &mut feeds(true, usize::MAX),
            Init::Scratch,
            resume,
            keeper,
        )
        .unwrap()
    };
    for step in 1..6 {
        let mut keeper = Keeper {
            at: at(step),
            ..Keeper::default()
        };
        let whole = run(None, &mut keeper);
        let checkpoint = &keeper
            .checkpoints
            .iter()
            .find(|(kept, _)| *kept == place(1, step))
            .unwrap()
            .1;
        assert!(
            run(Some(checkpoint), &mut Keeper::default()) == whole,
            "step {step}"
        );
    }
}

#[test]
fn images_that_cannot_be_read_end_the_training_with_the_reason() {
    setup();
    // The third is in the last epoch, after a pass over all windows for the standardisation.
    for left in [0, 4, 8] {
        let error = train_on(
            &Definition::from(&net()),
            &hyper(2),
            &mut feeds(true, left),
            Init::Scratch,
            None,
            &mut Keeper::default(),
        );
        let error = error.map(|_| ()).unwrap_err();
        assert!(
            matches!(&error, EngineError::Images(why) if why == "the cable is cut"),
            "{error}"
        );
    }
}

#[test]
fn every_optimiser_schedule_and_precision_learns_and_resumes_bit_for_bit() {
    setup();
    let step = Schedule::Step {
        every: 2,
        factor: 0.5,
    };
    for (optimizer, schedule, warmup_epochs, label_smoothing, precision) in [
        (Optimizer::Sgd, step, 1, 0.1, Precision::F32),
        (Optimizer::AdamW, Schedule::Cosine, 0, 0.0, Precision::F32),
        (Optimizer::AdamW, Schedule::Constant, 2, 0.1, Precision::Bf16),
        (Optimizer::Sgd, Schedule::Cosine, 0, 0.0, Precision::Bf16),
    ] {
        let hyper = Hyper {
            learning_rate: if optimizer == Optimizer::AdamW { 0.01 } else { 0.1 },
            optimizer,
            schedule,
            warmup_epochs,
            label_smoothing,
            precision,
            ..hyper(6)
        };
        let data = data(6, 2);
        let (whole, kept) = run(&hyper, &data, Init::Scratch, None).unwrap();
        assert!(whole.accuracy > 0.6, "{hyper:?}: {}", whole.accuracy);
        for (kept_at, checkpoint) in &kept.checkpoints[1..4] {
            let (resumed, _) = run(&hyper, &data, Init::Scratch, Some(checkpoint)).unwrap();
            assert!(resumed == whole, "{hyper:?} resumed at {kept_at:?}");
        }
    }
}
