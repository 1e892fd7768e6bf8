//! Weights as bytes: the variables of a net and the standardisation of its input.

mod file;

use crate::EngineError;
use crate::container;
use crate::data::Standardisation;
use crate::net::{Network, Values};
use imgcalc_shared::net::Variable;
use imgcalc_shared::training::Net;
use serde::{Deserialize, Serialize};

pub(crate) use file::read as read_file;
pub use file::weights_file_of;

const MAGIC: &str = "imgcalc-weights";
const MEAN: &str = "input.mean";
const SCALE: &str = "input.scale";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    net: Net,
    channels: u16,
    period: u16,
    classes: u16,
}

/// The weights of a trained network as bytes; equal weights give equal bytes.
pub(crate) fn write(
    net: &Net,
    classes: u16,
    network: &Network,
    input: &Standardisation,
) -> Result<Vec<u8>, EngineError> {
    let body = Body {
        net: net.clone(),
        channels: input.channels,
        period: input.period,
        classes,
    };
    let mut values = network.values()?;
    put_input(&mut values, input);
    container::write(MAGIC, &body, &values).map_err(EngineError::BadWeights)
}

/// Values for the variables of `net`, and the standardisation they were trained with; anything else is refused.
pub(crate) fn read(
    bytes: &[u8],
    net: &Net,
    channels: u16,
    classes: u16,
    variables: &[Variable],
) -> Result<(Values, Standardisation), EngineError> {
    let read = || {
        let (body, mut values) = container::read::<Body>(MAGIC, bytes)?;
        if (&body.net, body.channels, body.classes) != (net, channels, classes) {
            return Err(format!(
                "they belong to {:?} with {} channels and {} classes, not to {net:?} with {channels} and {classes}",
                body.net, body.channels, body.classes
            ));
        }
        let input = take_input(&mut values, channels, body.period)?;
        container::check(
            &values,
            variables
                .iter()
                .map(|variable| (variable.name.clone(), variable.shape.as_slice())),
        )?;
        Ok((values, input))
    };
    read().map_err(EngineError::BadWeights)
}

/// Adds a standardisation to the arrays of a file.
pub(crate) fn put_input(values: &mut Values, input: &Standardisation) {
    values.insert(MEAN.into(), (input.shape().to_vec(), input.mean.clone()));
    values.insert(SCALE.into(), (input.shape().to_vec(), input.scale.clone()));
}

/// Takes the standardisation out of the arrays of a file.
pub(crate) fn take_input(values: &mut Values, channels: u16, period: u16) -> Result<Standardisation, String> {
    let shape = [channels.into(), period.into(), period.into()];
    let mut take = |name: &str| {
        let array = Values::from_iter(values.remove_entry(name));
        container::check(&array, std::iter::once((name.to_string(), shape.as_slice())))?;
        Ok::<_, String>(
            array
                .into_values()
                .next()
                .map(|(_, numbers)| numbers)
                .unwrap_or_default(),
        )
    };
    Ok(Standardisation {
        channels,
        period,
        mean: take(MEAN)?,
        scale: take(SCALE)?,
    })
}
