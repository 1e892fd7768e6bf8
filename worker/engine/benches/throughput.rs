//! Images a second of training and inference at the sizes a search meets: `cargo bench -p imgcalc-engine [threads]`.

use imgcalc_engine::{Blocks, Init, Observer, Place, Progress, Samples, TrainData, Wish};
use imgcalc_engine::{execute_times, fingerprint, load_cuda, parameters, set_threads, train, transfer_times};
use imgcalc_shared::training::{Hyper, InputShape, Net};
use std::time::Duration;

const BATCH_IMAGES: u32 = 64;

struct Last(f64);

impl Observer for Last {
    fn progress(&mut self, progress: &Progress) {
        self.0 = progress.images_per_second;
    }

    fn wish(&self, _: Place) -> Wish {
        Wish::GoOn
    }

    fn checkpoint(&mut self, _: Place, _: &[u8]) -> Result<(), String> {
        Ok(())
    }
}

fn samples(shape: InputShape, images: usize) -> Samples {
    let values = (0..images * shape.values())
        .map(|i| (i * 7919 % 255) as i16 - 127)
        .collect();
    Samples {
        shape,
        blocks: Blocks::PIXELS,
        values,
        labels: (0..images).map(|image| (image % 10) as u16).collect(),
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

fn main() {
    // `cargo test --all-targets` starts benches too, without this argument.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    load_cuda();
    set_threads(
        std::env::args()
            .find_map(|argument| argument.parse().ok())
            .unwrap_or(2),
    );
    let net = Net::SmallResnet {
        width: 16,
        blocks: vec![1, 1, 1],
    };
    let hyper = Hyper {
        learning_rate: 0.05,
        momentum: 0.9,
        weight_decay: 1e-4,
        batch_size: BATCH_IMAGES,
        epochs: 2,
        seed: 1,
        ..Hyper::default()
    };
    println!("{}", fingerprint());
    println!("input      parameters   train img/s   execute img/s   transfer img/s");
    for side in [4, 8, 16, 32] {
        let shape = InputShape {
            channels: 1,
            height: side,
            width: side,
        };
        let (train_images, validation) = (samples(shape, 2560), samples(shape, 512));
        let transfer = transfer_times(&validation.values, shape, 512, 5, 50).expect("transfer");
        let data = TrainData {
            train: train_images,
            validation,
            test: None,
            classes: 10,
        };
        let mut last = Last(0.0);
        train(&net, &hyper, &data, Init::Scratch, None, &mut last).expect("training");
        let execute =
            execute_times(&net, shape, 10, BATCH_IMAGES, 5, 50, Duration::from_secs(10)).expect("execution");
        println!(
            "{:10} {:10}   {:11.0}   {:13.0}   {:14.0}",
            shape.to_string(),
            parameters(&net, &shape, 10).expect("parameters"),
            last.0,
            f64::from(BATCH_IMAGES) / median(execute),
            512.0 / median(transfer)
        );
    }
}
