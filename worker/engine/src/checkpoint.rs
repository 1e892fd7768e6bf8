//! The state of a training between two steps as bytes. The order of images, what is dropped out and the learning rate follow from (seed, epoch, step),
//! and nothing else is drawn at random, so weights, running statistics, momenta, the curve so far and the sums of the
//! epoch under way are all there is.
//!
//! The same bytes, written where a leg ends, are what another training can go on from: the next leg, or one that has other
//! hyper-parameters from there on.

mod owner;

use crate::container;
use crate::net::Values;
use crate::optimizer::state_names;
use crate::train::{Present, Run, steps};
use crate::{EngineError, EpochPoint, weights};
pub(crate) use owner::Identity;
use owner::Owner;
use serde::{Deserialize, Serialize};

const MAGIC: &str = "imgcalc-checkpoint";
/// Steps nobody ever does; up to here every number is a float.
const STEPS_MAX: u64 = 1 << 53;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    identity: Owner,
    /// Epochs done of the whole training, in whichever legs.
    epoch: u32,
    /// All of them.
    curve: Vec<EpochPoint>,
    /// In the middle of an epoch only: between two the bytes are those that were written before there were others, and
    /// either program reads them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    present: Option<Present>,
    /// Steps of the optimiser since its state was zero, where these are not the steps of the training so far: epochs before had
    /// batches of another size or another optimiser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    optimizer_steps: Option<u64>,
}

/// The present state of a run.
pub(crate) fn write(run: &Run) -> Result<Vec<u8>, EngineError> {
    let network = &run.network;
    let epoch = run.curve.len() as u32;
    let so_far = u64::from(epoch) * run.steps + run.present.step;
    let body = Body {
        identity: Owner::Now(run.identity.clone()),
        epoch,
        curve: run.curve.clone(),
        present: (run.present.step > 0).then_some(run.present),
        optimizer_steps: (run.optimizer_steps != so_far).then_some(run.optimizer_steps),
    };
    let mut values = network.values()?;
    for (state, flat) in run.optimizer.states() {
        let arrays = network.values_like(flat)?.into_iter();
        values.extend(arrays.map(|(name, array)| (format!("{state}.{name}"), array)));
    }
    weights::put_input(&mut values, &run.standard);
    container::write(MAGIC, &body, &values).map_err(EngineError::BadCheckpoint)
}

/// Puts a run where a checkpoint of this very training was written.
pub(crate) fn restore(bytes: &[u8], run: &mut Run) -> Result<(), EngineError> {
    let read = || {
        let (body, values) = container::read::<Body>(MAGIC, bytes)?;
        if let Some(what) = body.identity.difference(&run.identity) {
            return Err(format!("it belongs to another training: the {what} differs"));
        }
        check_place(&body, run)?;
        Parts::of(body, values, run)
    };
    let parts = read().map_err(EngineError::BadCheckpoint)?;
    parts.put(run)
}

/// Puts a run where the leg of another training ended. What was trained otherwise there no longer holds from here on; the state of another kind of
/// optimiser is none of this one's, which then starts from zero.
pub(crate) fn go_on(bytes: &[u8], run: &mut Run) -> Result<(), EngineError> {
    let read = || {
        let (body, values) = container::read::<Body>(MAGIC, bytes)?;
        if let Some(what) = body.identity.obstacle(&run.identity) {
            return Err(format!("it cannot be gone on from here: the {what} differs"));
        }
        let after = run.course.after();
        if body.present.is_some() || body.epoch != after || body.curve.len() != after as usize {
            return Err(format!(
                "it is that of epoch {} with a curve of {} and {:?}, not that after epoch {after}",
                body.epoch,
                body.curve.len(),
                body.present
            ));
        }
        Parts::of(body, values, run)
    };
    let parts =
        read().map_err(|reason| EngineError::BadWeights(format!("the state of a training: {reason}")))?;
    parts.put(run)
}

/// What a file holds, each where it belongs and of the right shape.
struct Parts {
    curve: Vec<EpochPoint>,
    present: Present,
    values: Values,
    /// Of the optimiser, in its order, and its steps; none where it is another optimiser's.
    states: Option<(Vec<Values>, u64)>,
}

impl Parts {
    fn of(body: Body, mut values: Values, run: &Run) -> Result<Parts, String> {
        let identity = &run.identity;
        let input = weights::take_input(&mut values, identity.shape.channels, identity.blocks.period())?;
        if input != run.standard {
            return Err("its input is standardised otherwise than these training images are".into());
        }
        let all = run.network.variables();
        let shapes = |buffers: bool| {
            let those = all
                .iter()
                .filter(move |variable| buffers || !variable.is_buffer());
            those.map(|variable| (variable.name.clone(), variable.shape.as_slice()))
        };
        let optimizer = body.identity.hyper().optimizer;
        let mut states = Vec::new();
        for state in state_names(optimizer) {
            let mine = take_state(&mut values, state);
            container::check(&mine, shapes(false)).map_err(|error| format!("{state}: {error}"))?;
            states.push(mine);
        }
        container::check(&values, shapes(true))?;
        let present = body.present.unwrap_or_default();
        let an_epoch = steps(run.len(), body.identity.hyper().batch_size.max(1).into());
        let so_far = u64::from(body.epoch) * an_epoch + present.step;
        let optimizer_steps = body.optimizer_steps.unwrap_or(so_far);
        if optimizer_steps > STEPS_MAX {
            return Err(format!("{optimizer_steps} steps of the optimiser"));
        }
        Ok(Parts {
            curve: body.curve,
            present,
            values,
            states: (optimizer == identity.hyper.optimizer).then_some((states, optimizer_steps)),
        })
    }

    fn put(self, run: &mut Run) -> Result<(), EngineError> {
        run.network.fill(&self.values)?;
        if let Some((states, steps)) = &self.states {
            for ((_, flat), values) in run.optimizer.states().into_iter().zip(states) {
                run.network.fill_like(flat, values)?;
            }
            run.optimizer_steps = *steps;
        }
        (run.curve, run.present) = (self.curve, self.present);
        Ok(())
    }
}

/// Takes out the arrays of one state of an optimiser, by the names of the variables they belong to.
fn take_state(values: &mut Values, state: &str) -> Values {
    let of_state = |name: &str| name.strip_prefix(state)?.strip_prefix('.').map(str::to_string);
    let (mine, rest): (Values, Values) = std::mem::take(values)
        .into_iter()
        .partition(|(name, _)| of_state(name).is_some());
    *values = rest;
    let named = mine.into_iter();
    named
        .filter_map(|(name, array)| Some((of_state(&name)?, array)))
        .collect()
}

/// Whether its numbers can be those of a place of this training.
fn check_place(body: &Body, run: &Run) -> Result<(), String> {
    let (steps, after, until) = (run.steps, run.course.after(), run.course.until());
    let possible = match body.present {
        None => body.epoch > after && body.epoch <= until,
        Some(Present {
            step,
            images,
            loss_sum,
        }) => {
            let in_epoch = (after..until).contains(&body.epoch) && (1..steps).contains(&step);
            in_epoch && images == run.len() * step / steps && loss_sum.is_finite()
        }
    };
    if !possible || body.curve.len() != body.epoch as usize {
        return Err(format!(
            "epoch {} of {until} with a curve of {} and {:?} of {steps} steps",
            body.epoch,
            body.curve.len(),
            body.present
        ));
    }
    Ok(())
}
