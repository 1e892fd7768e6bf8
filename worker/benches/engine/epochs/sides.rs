//! Everybody's turns over one net.

use crate::Bench;
use crate::device::Uses;
use crate::images::Imported;
use crate::ours::{self, Training};
use crate::peer::Peer;
use imgcalc_shared::task::Input;
use imgcalc_shared::training::{InputShape, Net};
use imgcalc_worker::stages::Context;
use serde_json::json;

/// Processes of the JPEG loader.
pub const WORKERS: u32 = 2;

const BATCH: u32 = 64;
/// A first look at how fast a net is, on both sides.
const PROBE_IMAGES: u32 = 2 * BATCH;
/// Seconds a measurement is to take.
const SECONDS: f64 = 3.0;
const SECONDS_QUICK: f64 = 1.0;
/// Long enough for a tool that looks once a second.
const SECONDS_GPU: f64 = 6.0;
const EPOCHS_MAX: f64 = 200.0;

/// The speeds of one net on one input, round after round.
pub struct Row {
    pub shape: InputShape,
    pub ours: Vec<f64>,
    pub limit: Vec<f64>,
    pub ours_use: Uses,
    pub limit_use: Uses,
    training: Training,
}

/// The speeds of one net on all inputs.
pub struct Sides {
    pub rows: Vec<Row>,
    pub jpeg: Vec<f64>,
    pub jpeg_use: Uses,
}

impl Sides {
    /// In every round each input has its turn: ours and the limit, then the other way round, and the JPEG loader once.
    pub fn measure(
        bench: &Bench,
        peer: &mut Peer,
        imported: &Imported,
        net: &Net,
        inputs: &[Input],
    ) -> anyhow::Result<Sides> {
        let mut context = ours::context(&imported.url, bench.choice.threads)?;
        let mut rows = Vec::new();
        for &input in inputs {
            rows.push(Row::new(bench, peer, imported, net, input, &mut context)?);
        }
        let (mut jpeg, mut jpeg_use) = (Vec::new(), Uses::default());
        for round in 0..bench.choice.rounds() {
            bench.progress(&format!("epochs: {} round {}", net.name(), round + 1));
            for row in &mut rows {
                row.training.seed += 1;
                let turns = if round % 2 == 0 {
                    [true, false]
                } else {
                    [false, true]
                };
                for ours in turns {
                    match ours {
                        true => {
                            let speed = row.ours_use.of(bench.gpu, || row.training.run(&mut context))?;
                            row.ours.push(speed.images_per_second);
                        }
                        false => {
                            let speed = row
                                .limit_use
                                .of(bench.gpu, || limit(peer, imported, &row.training, row.shape))?;
                            row.limit.push(speed);
                        }
                    }
                }
            }
            if let Some(row) = rows.last() {
                jpeg.push(loader(bench, peer, &row.training, &mut jpeg_use)?);
            }
        }
        Ok(Sides { rows, jpeg, jpeg_use })
    }
}

impl Row {
    /// With as many images and epochs as the first look says.
    fn new(
        bench: &Bench,
        peer: &mut Peer,
        imported: &Imported,
        net: &Net,
        input: Input,
        context: &mut Context,
    ) -> anyhow::Result<Row> {
        let mut training = Training {
            dataset: imported.manifest.digest,
            images: PROBE_IMAGES,
            input,
            net: net.clone(),
            epochs: 1,
            batch: BATCH,
            seed: 0,
            threads: bench.choice.threads,
        };
        let shape = shape(imported, input)?;
        training.run(context)?;
        training.seed += 1;
        let seen = training.run(context)?.images_per_second;
        limit(peer, imported, &training, shape)?;
        let seconds = match (bench.gpu, bench.choice.quick) {
            (true, _) => SECONDS_GPU,
            (false, true) => SECONDS_QUICK,
            (false, false) => SECONDS,
        };
        // Whole steps.
        let all = imported.manifest.splits.train / BATCH * BATCH;
        training.images = ((seen * seconds) as u32 / BATCH * BATCH).clamp(PROBE_IMAGES, all);
        training.epochs = (seen * seconds / f64::from(training.images))
            .round()
            .clamp(1.0, EPOCHS_MAX) as u32;
        Ok(Row {
            shape,
            ours: Vec::new(),
            limit: Vec::new(),
            ours_use: Uses::default(),
            limit_use: Uses::default(),
            training,
        })
    }
}

fn shape(imported: &Imported, input: Input) -> anyhow::Result<InputShape> {
    let plane = match input {
        Input::Format(format) => format.plane(imported.manifest.size),
        Input::Pixels => imported.manifest.size,
    };
    Ok(InputShape {
        channels: imported.manifest.channels,
        height: plane.height.try_into()?,
        width: plane.width.try_into()?,
    })
}

/// PyTorch on images of this shape in memory.
fn limit(
    peer: &mut Peer,
    imported: &Imported,
    training: &Training,
    shape: InputShape,
) -> anyhow::Result<f64> {
    let ask = json!({
        "do": "train",
        "net": training.net,
        "shape": [shape.channels, shape.height, shape.width],
        "classes": imported.manifest.classes.len(),
        "count": training.images,
        "hyper": hyper(training),
    });
    peer.number(&ask, "images_per_second")
}

/// PyTorch on the files. Its processes run only while it has its turn.
fn loader(bench: &Bench, peer: &mut Peer, training: &Training, used: &mut Uses) -> anyhow::Result<f64> {
    peer.ask(&json!({
        "do": "open_jpeg",
        "root": bench.photos.folder,
        "count": training.images,
        "batch": training.batch,
        "workers": WORKERS,
    }))?;
    let ask = json!({"do": "train_jpeg", "net": training.net, "hyper": hyper(training)});
    let speed = used.of(bench.gpu, || peer.number(&ask, "images_per_second"))?;
    peer.ask(&json!({"do": "close_jpeg"}))?;
    Ok(speed)
}

/// Defaults are not written in a task, but the peer wants every one it reads.
fn hyper(training: &Training) -> serde_json::Value {
    let hyper = training.hyper();
    json!({
        "learning_rate": hyper.learning_rate,
        "momentum": hyper.momentum,
        "weight_decay": hyper.weight_decay,
        "batch_size": hyper.batch_size,
        "epochs": hyper.epochs,
        "seed": hyper.seed,
    })
}
