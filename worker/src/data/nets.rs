//! Scripts and files of weights that people put into a base, by digest and by name.
//!
//! A file is written before the name that leads to it, so that whoever knows the name finds the file.

use super::base::Base;
use crate::failure::Failure;
use bytes::Bytes;
use imgcalc_shared::dataset::{ObjectRef, is_name};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::envelope::BadEnvelope;
use imgcalc_shared::net::{
    SCRIPT_BYTES_MAX, SCRIPT_NAMES, ScriptFacts, WEIGHTS_BYTES_MAX, WEIGHTS_NAMES, WeightsFacts, open_script,
    open_weights, script_key, script_name_key, seal_script, seal_weights, weights_file_key, weights_name_key,
};

/// Longest object of a name; facts are much shorter.
const FACTS_BYTES_MAX: u64 = 1 << 20;

/// The script of this digest.
pub fn load_script(base: &Base, digest: &Digest) -> Result<Bytes, Failure> {
    load(base, script_key(digest), digest, SCRIPT_BYTES_MAX, "nets add")
}

/// The file of weights of this digest.
pub fn load_weights(base: &Base, digest: &Digest) -> Result<Bytes, Failure> {
    load(
        base,
        weights_file_key(digest),
        digest,
        WEIGHTS_BYTES_MAX,
        "weights add",
    )
}

/// What the script of this name is.
pub fn script_by_name(base: &Base, name: &str) -> Result<ScriptFacts, Failure> {
    by_name(base, name, &script_name_key(name), "nets add", open_script)
}

/// What the file of weights of this name is.
pub fn weights_by_name(base: &Base, name: &str) -> Result<WeightsFacts, Failure> {
    by_name(base, name, &weights_name_key(name), "weights add", open_weights)
}

/// The names of all scripts.
pub fn script_names(base: &Base) -> Result<Vec<String>, Failure> {
    names(base, SCRIPT_NAMES)
}

/// The names of all files of weights.
pub fn weights_names(base: &Base) -> Result<Vec<String>, Failure> {
    names(base, WEIGHTS_NAMES)
}

/// Writes a script and the name that leads to it; an existing name then means this one.
pub fn publish_script(
    base: &Base,
    name: &str,
    facts: &ScriptFacts,
    bytes: impl Into<Bytes>,
) -> Result<(), Failure> {
    check_name(name)?;
    base.put(&script_key(&facts.digest), bytes)?;
    base.put(&script_name_key(name), seal_script(facts)).map(|_| ())
}

/// Writes a file of weights and the name that leads to it; an existing name then means this one.
pub fn publish_weights(
    base: &Base,
    name: &str,
    facts: &WeightsFacts,
    bytes: impl Into<Bytes>,
) -> Result<(), Failure> {
    check_name(name)?;
    base.put(&weights_file_key(&facts.digest), bytes)?;
    base.put(&weights_name_key(name), seal_weights(facts)).map(|_| ())
}

/// Refuses what is no name.
pub fn check_name(name: &str) -> Result<(), Failure> {
    match is_name(name) {
        true => Ok(()),
        false => Err(Failure::bad_data(format!(
            "{name:?} is no name: use 1 to 64 letters, digits, `.`, `_` or `-`"
        ))),
    }
}

fn load(base: &Base, key: String, digest: &Digest, bytes_max: u64, verb: &str) -> Result<Bytes, Failure> {
    let bytes = base.head(&key)?.ok_or_else(|| {
        Failure::bad_data(format!(
            "{key} is not in {}: put it there with `{verb}`",
            base.url()
        ))
    })?;
    if bytes > bytes_max {
        return Err(Failure::bad_data(format!(
            "{key} in {} has {bytes} bytes, at most {bytes_max} are read",
            base.url()
        )));
    }
    let digest = *digest;
    base.get_shared(&ObjectRef { key, bytes, digest })
}

fn by_name<T>(
    base: &Base,
    name: &str,
    key: &str,
    verb: &str,
    open: impl Fn(&[u8]) -> Result<T, BadEnvelope>,
) -> Result<T, Failure> {
    check_name(name)?;
    let damaged =
        |why: String| Failure::bad_data(format!("the name {key} in {} is damaged: {why}", base.url()));
    match base.head(key)? {
        None => {
            let folder = key.strip_suffix(&format!("/{name}")).unwrap_or_default();
            let known = names(base, folder)?;
            let known = match known.is_empty() {
                true => format!("it holds none; put one there with `{verb}`"),
                false => format!("it holds {}", known.join(", ")),
            };
            Err(Failure::bad_data(format!(
                "there is no {key} in {}: {known}",
                base.url()
            )))
        }
        Some(bytes) if bytes > FACTS_BYTES_MAX => Err(damaged(format!("it has {bytes} bytes"))),
        Some(_) => open(&base.get(key)?).map_err(|error| damaged(error.to_string())),
    }
}

fn names(base: &Base, folder: &str) -> Result<Vec<String>, Failure> {
    let keys = base.list(folder)?;
    let name = |key: &str| key.strip_prefix(folder)?.strip_prefix('/').map(str::to_string);
    Ok(keys.iter().filter_map(|(key, _)| name(key)).collect())
}
