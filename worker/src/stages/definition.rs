//! What a net is built from: nothing more where it is built in, its script from the base otherwise.

use crate::data::{Base, nets};
use crate::failure::Failure;
use imgcalc_engine::Definition;
use imgcalc_shared::digest::Digest;
use imgcalc_shared::training::Net;

/// A task names a script by its digest.
pub(super) fn of(base: &Base, net: &Net) -> Result<Definition, Failure> {
    let Net::Torchscript { script } = net else {
        return Ok(net.into());
    };
    let digest: Digest = script
        .parse()
        .map_err(|error| Failure::application(format!("the net's script: {error}")))?;
    Ok(Definition::of_script(&*nets::load_script(base, &digest)?))
}
