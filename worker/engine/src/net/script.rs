//! A net that came as a TorchScript file.
//!
//! All its arrays of floats are variables: fitted where they want a gradient, running statistics where not. Arrays of whole
//! numbers, such as the places of relative positions, stay in the file: they are not trained and not part of weights. The file must
//! be one that the export script wrote, which leaves a method to tell by: libtorch hides what it has made parameters of.

use super::graph::Pass;
use crate::EngineError;
use crate::error::is_memory;
use imgcalc_shared::net::{Role, SCRIPT_BYTES_MAX, Variable};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};
use tch::{CModule, Device, IValue, Kind, TchError, Tensor, jit};

/// The method and what it gives.
const MARK: &str = "imgcalc_export";
const VERSION: i64 = 1;
const EXPORT: &str = "export the net with worker/export/export_net.py";
/// Words that checkpoints and weights use for something else.
const RESERVED: [&str; 2] = ["input.", "momentum."];

/// What a script draws comes from libtorch's generator, of which a process has one.
static GENERATOR: Mutex<()> = Mutex::new(());

/// A module that knows whether it trains.
pub(super) struct Script {
    module: RefCell<CModule>,
    trains: Cell<Option<bool>>,
}

impl Script {
    /// The module and its variables with their first values; the order is that of their names.
    pub(super) fn load(bytes: &[u8], device: Device) -> Result<(Self, Vec<(Variable, Tensor)>), EngineError> {
        if bytes.len() as u64 > SCRIPT_BYTES_MAX {
            let len = bytes.len();
            return Err(bad(format!(
                "it has {len} bytes, a script may have {SCRIPT_BYTES_MAX}"
            )));
        }
        let module = CModule::load_data_on_device(&mut &*bytes, device)
            .map_err(|error| fault("cannot be read", error))?;
        match module.method_is::<IValue>(MARK, &[]) {
            Ok(IValue::Int(VERSION)) => {}
            Ok(other) => {
                return Err(bad(format!(
                    "its version of export is {other:?}, not {VERSION}: {EXPORT} of this release"
                )));
            }
            Err(_) => {
                return Err(bad(format!(
                    "it was not made for training: traced modules do not know training from evaluation, and running statistics \
                     cannot be reached; {EXPORT}"
                )));
            }
        }
        let variables = variables(&module)?;
        let script = Script {
            module: RefCell::new(module),
            trains: Cell::new(None),
        };
        Ok((script, variables))
    }

    /// What it makes of a batch.
    pub(super) fn forward(&self, input: &Tensor, pass: Pass) -> Result<Tensor, EngineError> {
        // Optimised, the second run of a module computes otherwise than the first: a resumed training would differ.
        jit::f_set_graph_executor_optimize(false)?;
        let module = self.switch(matches!(pass, Pass::Train(_)))?;
        let _alone;
        if let Pass::Train(random) = pass {
            _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
            tch::manual_seed(random.next() as i64);
        }
        let run = |input: &Tensor| module.borrow().forward_ts(std::slice::from_ref(input));
        run(input).map_err(|error| fault(&format!("does not take images of {:?}", input.size()), error))
    }

    fn switch(&self, trains: bool) -> Result<&RefCell<CModule>, EngineError> {
        if self.trains.get() != Some(trains) {
            let mut module = self.module.borrow_mut();
            match trains {
                true => module.f_set_train()?,
                false => module.f_set_eval()?,
            }
            self.trains.set(Some(trains));
        }
        Ok(&self.module)
    }

    /// Refuses a script that put another tensor in a variable's place, which nobody would keep.
    pub(super) fn check_places(&self, views: &BTreeMap<String, Tensor>) -> Result<(), EngineError> {
        for (name, tensor) in self.module.borrow().named_parameters()? {
            if views
                .get(&name)
                .is_some_and(|view| view.data_ptr() != tensor.data_ptr())
            {
                return Err(bad(format!(
                    "it replaces `{name}` while it runs: update it in place, for example with copy_, and {EXPORT}"
                )));
            }
        }
        Ok(())
    }
}

/// Classes of logits of so many images, or what is wrong with them.
pub(super) fn classes(logits: &Tensor, images: i64) -> Result<i64, EngineError> {
    match (logits.size().as_slice(), logits.kind()) {
        (&[rows, classes], Kind::Float | Kind::BFloat16) if rows == images && classes > 0 => Ok(classes),
        (size, kind) => Err(bad(format!(
            "it gives {kind:?} {size:?} for {images} images, not floats of images × classes"
        ))),
    }
}

pub(super) fn bad(what: impl std::fmt::Display) -> EngineError {
    EngineError::BadData(format!("the script: {what}"))
}

fn variables(module: &CModule) -> Result<Vec<(Variable, Tensor)>, EngineError> {
    let (mut variables, mut places) = (Vec::new(), HashSet::new());
    let mut arrays = module.named_parameters()?;
    arrays.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (name, tensor) in arrays {
        let fitted = tensor.requires_grad();
        match tensor.f_kind()? {
            Kind::Float if tensor.is_sparse() => return Err(bad(format!("`{name}` is sparse"))),
            Kind::Float => {}
            kind if fitted || is_float(kind) => {
                return Err(bad(format!(
                    "`{name}` is {kind:?}, not 32-bit floats: convert the module with .float() and {EXPORT}"
                )));
            }
            _ => continue,
        }
        if RESERVED.iter().any(|word| name.starts_with(word)) {
            return Err(bad(format!("the name `{name}` is taken; rename it and {EXPORT}")));
        }
        if tensor.numel() > 0 && !places.insert(tensor.data_ptr() as usize) {
            return Err(bad(format!("`{name}` shares its numbers with another; {EXPORT}")));
        }
        let role = match fitted {
            true => Role::Constant(0.0),
            false => Role::Buffer(0.0),
        };
        let shape = tensor.size();
        variables.push((Variable { name, shape, role }, tensor));
    }
    if variables.iter().all(|(variable, _)| variable.is_buffer()) {
        return Err(bad("there is no parameter to train"));
    }
    Ok(variables)
}

fn is_float(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Uint8 | Kind::Int8 | Kind::Int16 | Kind::Int | Kind::Int64 | Kind::Bool
    )
}

/// What libtorch says of a script, without the listing of where in it.
fn fault(what: &str, error: TchError) -> EngineError {
    const SHOWN: usize = 400;
    let text = match error {
        TchError::Torch(text) => text,
        other => other.to_string(),
    };
    let mut errors = text.lines().filter(|line| line.contains("Error: "));
    let line = errors.next_back().or_else(|| text.lines().next());
    let reason: String = line.unwrap_or_default().chars().take(SHOWN).collect();
    match is_memory(&text) {
        true => EngineError::OutOfMemory(reason),
        false => bad(format!("it {what}: {reason}")),
    }
}
