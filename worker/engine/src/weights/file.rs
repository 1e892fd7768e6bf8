//! Weights from a file somebody gave, to start from.
//!
//! The file is safetensors: torchvision's names and shapes for a built-in net, a script's own for a script. Floats of 16 bits are
//! widened; whole numbers, such as counts of batches, are no weights and are passed over.

use super::{Body, MAGIC, MEAN, SCALE};
use crate::net::{Network, Values, seeded};
use crate::{Definition, EngineError, container, device};
use imgcalc_shared::net::{self, Layer, Variable};
use imgcalc_shared::training::Net;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::collections::BTreeSet;

/// Names told of those that are wrong.
const NAMES_SHOWN: usize = 3;

/// Weights that fit a net.
pub(crate) struct File {
    /// Of all its variables.
    pub(crate) values: Values,
    /// Classes the file told apart, where they are others.
    classes_then: Option<i64>,
}

impl File {
    /// What somebody should know of it.
    pub(crate) fn note(&self) -> Option<String> {
        let classes = self.classes_then?;
        Some(format!(
            "the weights were made for {classes} classes: the output layer starts from the seed"
        ))
    }
}

/// Channels and classes of a file of weights for this net; anything that does not fit is refused. Of a script they are told: `known`.
pub fn weights_file_of(
    net: impl Into<Definition>,
    known: Option<(u16, u16)>,
    bytes: &[u8],
) -> Result<(u16, u16), EngineError> {
    let definition = net.into();
    let net = definition.net();
    if let Net::Torchscript { .. } = net {
        let script = Network::of_script(&definition, device::device())?;
        read(bytes, net, script.variables(), 0)?;
        return known
            .ok_or_else(|| EngineError::BadData("channels and classes of the script are not told".into()));
    }
    let values = arrays(bytes, net).map_err(EngineError::BadWeights)?;
    let ends = Ends::of(net)?;
    let side = |name: &str, axis: usize| {
        let (shape, _) = values.get(name)?;
        u16::try_from(*shape.get(axis)?).ok().filter(|&side| side > 0)
    };
    // Where they are missing, names are told to be wrong below.
    let channels = side(&ends.first, 1).unwrap_or(3);
    let classes = side(&ends.head(0), 0).unwrap_or(1000);
    let variables = net::variables(net, channels, classes)?;
    fit(values, &variables, &ends, 0).map_err(EngineError::BadWeights)?;
    Ok((channels, classes))
}

/// Values for the variables of `net`, those of another number of classes drawn from the seed.
pub(crate) fn read(bytes: &[u8], net: &Net, variables: &[Variable], seed: u64) -> Result<File, EngineError> {
    let values = arrays(bytes, net).map_err(EngineError::BadWeights)?;
    fit(values, variables, &Ends::of(net)?, seed).map_err(EngineError::BadWeights)
}

/// The variables that may, or may not, have other shapes; of a script none.
#[derive(Default)]
struct Ends {
    first: String,
    last: String,
}

impl Ends {
    fn of(net: &Net) -> Result<Self, EngineError> {
        if let Net::Torchscript { .. } = net {
            return Ok(Ends::default());
        }
        let layers = net::layers(net, 1, 1)?;
        let first = layers.iter().find_map(|layer| match layer {
            Layer::Convolution(conv) => Some(format!("{}.weight", conv.name)),
            _ => None,
        });
        let last = layers.iter().rev().find_map(|layer| match layer {
            Layer::Linear { name, .. } => Some(name.clone()),
            _ => None,
        });
        Ok(Ends {
            first: first.unwrap_or_default(),
            last: last.unwrap_or_default(),
        })
    }

    fn head(&self, part: usize) -> String {
        format!("{}.{}", self.last, ["weight", "bias"][part])
    }

    fn is_head(&self, name: &str) -> bool {
        !self.last.is_empty() && (name == self.head(0) || name == self.head(1))
    }
}

/// All floats of a file, without what only our own weights have.
fn arrays(bytes: &[u8], net: &Net) -> Result<Values, String> {
    if container::is_sealed(bytes) {
        let (body, mut values) = container::read::<Body>(MAGIC, bytes)?;
        if body.net != *net {
            return Err(format!("they belong to {:?}, not to {net:?}", body.net));
        }
        values.remove(MEAN);
        values.remove(SCALE);
        return Ok(values);
    }
    let file = SafeTensors::deserialize(bytes).map_err(|error| {
        format!("no safetensors file: {error}; a .pth file is written as one by safetensors.torch.save_file in Python")
    })?;
    let mut values = Values::new();
    for (name, view) in file.iter() {
        if name.ends_with(".num_batches_tracked") || is_whole(view.dtype()) {
            continue;
        }
        let shape = view.shape().iter().map(|&side| side as i64).collect();
        values.insert(name.to_string(), (shape, floats(name, &view)?));
    }
    Ok(values)
}

fn is_whole(dtype: Dtype) -> bool {
    use Dtype::*;
    matches!(dtype, BOOL | U8 | I8 | U16 | I16 | U32 | I32 | U64 | I64)
}

fn floats(name: &str, view: &TensorView) -> Result<Vec<f32>, String> {
    let two = |two: &[u8]| u16::from_le_bytes([two[0], two[1]]);
    match view.dtype() {
        Dtype::F32 => Ok(container::numbers(view.data())),
        Dtype::F16 => Ok(view.data().chunks_exact(2).map(|x| half(two(x))).collect()),
        // The upper half of a 32-bit float.
        Dtype::BF16 => Ok(view
            .data()
            .chunks_exact(2)
            .map(|x| f32::from_bits(u32::from(two(x)) << 16))
            .collect()),
        other => Err(format!("array `{name}` has type {other:?}; convert it to F32")),
    }
}

/// A 16-bit float: sign, 5 bits of exponent, 10 of fraction.
fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2_f32.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

fn fit(mut values: Values, variables: &[Variable], ends: &Ends, seed: u64) -> Result<File, String> {
    check_names(&values, variables)?;
    let mut classes_then = None;
    for variable in variables {
        let (shape, numbers) = &values[&variable.name];
        if !numbers.iter().all(|number| number.is_finite()) {
            let name = &variable.name;
            return Err(format!("array `{name}` holds a number that is not finite"));
        }
        if *shape == variable.shape {
            continue;
        }
        let inner = |shape: &[i64]| shape.get(1..).map(<[i64]>::to_vec);
        if !ends.is_head(&variable.name) || inner(shape) != inner(&variable.shape) {
            return Err(other_shape(variable, shape, ends));
        }
        classes_then = shape.first().copied();
    }
    if classes_then.is_some() {
        // Weight and bias go together.
        for variable in variables.iter().filter(|variable| ends.is_head(&variable.name)) {
            let start = (variable.shape.clone(), seeded(variable, seed));
            values.insert(variable.name.clone(), start);
        }
    }
    Ok(File { values, classes_then })
}

fn other_shape(variable: &Variable, found: &[i64], ends: &Ends) -> String {
    let Variable { name, shape, .. } = variable;
    match (found, shape.as_slice()) {
        (&[a, then, b, c], &[d, now, e, f]) if *name == ends.first && [a, b, c] == [d, e, f] => format!(
            "they take images of {then} channels, but these have {now}: import the dataset with {}, or give `{name}` {now} channels, \
             for example the sums over its {then}",
            if then == 1 { "--grey" } else { "--colour" }
        ),
        _ => {
            format!("array `{name}` has shape {found:?}, not {shape:?}: the weights are those of another net")
        }
    }
}

fn check_names(values: &Values, variables: &[Variable]) -> Result<(), String> {
    let expected: BTreeSet<&str> = variables.iter().map(|variable| variable.name.as_str()).collect();
    let found: BTreeSet<&str> = values.keys().map(String::as_str).collect();
    let told = |names: Vec<&str>, what: &str| {
        let first: Vec<String> = names
            .iter()
            .take(NAMES_SHOWN)
            .map(|name| format!("`{name}`"))
            .collect();
        let more = if names.len() > first.len() { ", …" } else { "" };
        (!names.is_empty()).then(|| format!("{} {what}: {}{more}", names.len(), first.join(", ")))
    };
    let missing = told(
        expected.difference(&found).copied().collect(),
        "variables of the net are missing",
    );
    let extra = told(
        found.difference(&expected).copied().collect(),
        "arrays are none of the net's",
    );
    let wrong: Vec<String> = missing.into_iter().chain(extra).collect();
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("; ")),
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
