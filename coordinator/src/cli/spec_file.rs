//! From a spec file to a build: reads the file, finds the base and in it the dataset, the net's script and the weights to
//! start from.

use anyhow::{Context, bail};
use futures::StreamExt;
use imgcalc_shared::dataset::{Manifest, manifest_key, name_key};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::envelope;
use imgcalc_shared::net::{
    SCRIPT_NAMES, WEIGHTS_NAMES, open_script, open_weights, script_name_key, weights_name_key,
};
use imgcalc_shared::spec::{DatasetFacts, Spec, SpecError, StartSpec, Surroundings};
use imgcalc_shared::training::Net;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};
use std::path::Path;

/// A spec with the absolute URL of its base.
pub(super) struct SpecFile {
    pub(super) spec: Spec,
    pub(super) base: String,
}

/// Reads and checks a spec.
pub(super) fn read(path: &Path) -> anyhow::Result<SpecFile> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the spec {}", path.display()))?;
    let spec = Spec::parse(&text).with_context(|| format!("the spec {} cannot be built", path.display()))?;
    let base = base_url(&spec.base, path)?;
    Ok(SpecFile { spec, base })
}

/// A base as a URL: a path is meant relative to the spec.
fn base_url(base: &str, spec: &Path) -> anyhow::Result<String> {
    if base.contains("://") {
        return Ok(base.to_string());
    }
    let folder = std::path::absolute(spec)?
        .parent()
        .map(Path::to_path_buf)
        .unwrap_or_default();
    let path = std::path::absolute(folder.join(base))?;
    Ok(format!("file://{}", path.display()))
}

/// What the base says of the dataset the spec names.
pub(super) async fn dataset(file: &SpecFile) -> anyhow::Result<DatasetFacts> {
    let (store, prefix) = open(&file.base)?;
    let name = &file.spec.dataset;
    let Some(bytes) = get(&store, &prefix, &name_key(name)).await? else {
        let there = names(&store, &prefix, "datasets/names", "no dataset").await;
        let allowed = format!(
            "the base {} has no dataset of that name ({there}); make one with `imgcalc data import SOURCE --base {} --name {name}`",
            file.base, file.base
        );
        return Err(SpecError::Field {
            field: "dataset".into(),
            value: format!("{name:?}"),
            allowed,
        }
        .into());
    };
    let key = name_key(name);
    let digest: Digest = envelope::open("imgcalc-dataset-name", 1, &bytes)
        .with_context(|| format!("{}/{key} is damaged", file.base))?;
    let key = manifest_key(&digest);
    let Some(bytes) = get(&store, &prefix, &key).await? else {
        bail!(
            "the base {} has no manifest {key}, to which the dataset name {name:?} points",
            file.base
        )
    };
    let manifest = Manifest::from_bytes(&bytes)
        .with_context(|| format!("the manifest {}/{key} is damaged", file.base))?;
    Ok(DatasetFacts::from(&manifest))
}

/// What surrounds a spec: the dataset, and the files of the base it names beside it.
pub(super) async fn surroundings(
    file: &SpecFile,
    dataset: DatasetFacts,
    hardware: String,
) -> anyhow::Result<Surroundings> {
    let mut surroundings = Surroundings {
        base: file.base.clone(),
        dataset,
        hardware,
        script: None,
        weights: None,
    };
    if let Net::Torchscript { script } = &file.spec.net {
        let named = Named {
            field: "net.script",
            name: script,
            key: script_name_key(script),
            folder: SCRIPT_NAMES,
            what: "script",
            make: "imgcalc nets add FILE",
        };
        let facts = open_script(&named.read(&file.base).await?);
        surroundings.script = Some(facts.with_context(|| format!("{}/{} is damaged", file.base, named.key))?);
    }
    if let StartSpec::Weights(name) = &file.spec.training.start {
        let named = Named {
            field: "training.start.weights",
            name,
            key: weights_name_key(name),
            folder: WEIGHTS_NAMES,
            what: "weights",
            make: "imgcalc weights add FILE",
        };
        let facts = open_weights(&named.read(&file.base).await?);
        surroundings.weights =
            Some(facts.with_context(|| format!("{}/{} is damaged", file.base, named.key))?);
    }
    Ok(surroundings)
}

/// Something of the base that a spec names.
struct Named<'a> {
    field: &'static str,
    name: &'a str,
    key: String,
    folder: &'static str,
    what: &'static str,
    /// The command that makes one.
    make: &'static str,
}

impl Named<'_> {
    async fn read(&self, base: &str) -> anyhow::Result<Vec<u8>> {
        let (store, prefix) = open(base)?;
        if let Some(bytes) = get(&store, &prefix, &self.key).await? {
            return Ok(bytes);
        }
        let (what, name) = (self.what, self.name);
        let there = names(&store, &prefix, self.folder, &format!("no {what}")).await;
        let allowed = format!(
            "the base {base} has no {what} of that name ({there}); add it with `{} --base {base} --name {name}`",
            self.make
        );
        let error = SpecError::Field {
            field: self.field.into(),
            value: format!("{name:?}"),
            allowed,
        };
        Err(error.into())
    }
}

fn open(base: &str) -> anyhow::Result<(Box<dyn ObjectStore>, Key)> {
    let url = base
        .parse()
        .with_context(|| format!("base = {base:?}: is no URL; use file:///data or s3://place/prefix"))?;
    let environment = std::env::vars().map(|(key, value)| (key.to_ascii_lowercase(), value));
    object_store::parse_url_opts(&url, environment)
        .with_context(|| format!("base = {base:?}: cannot be used; use file:///data or s3://place/prefix"))
}

fn key_of(prefix: &Key, key: &str) -> Key {
    Key::from_iter(prefix.parts().chain(Key::from(key).parts()))
}

async fn get(store: &dyn ObjectStore, prefix: &Key, key: &str) -> anyhow::Result<Option<Vec<u8>>> {
    let found = match store.get(&key_of(prefix, key)).await {
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        found => found.with_context(|| format!("cannot read {key}"))?,
    };
    anyhow::ensure!(
        found.meta.size <= envelope::VALUE_BYTES_MAX as u64,
        "{key} is too long to be what it should be"
    );
    Ok(Some(
        found
            .bytes()
            .await
            .with_context(|| format!("cannot read {key}"))?
            .to_vec(),
    ))
}

/// What names there are below a key, in words.
async fn names(store: &dyn ObjectStore, prefix: &Key, folder: &str, none: &str) -> String {
    let folder = key_of(prefix, folder);
    let listed: Vec<_> = store.list(Some(&folder)).take(50).collect().await;
    let name = |object: object_store::ObjectMeta| object.location.filename().map(str::to_string);
    let names: Vec<String> = listed
        .into_iter()
        .filter_map(|object| name(object.ok()?))
        .collect();
    match names.is_empty() {
        true => format!("it holds {none}"),
        false => format!("it holds: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_trains_as_it_always_did() {
        let spec = Spec::parse(include_str!("../../examples/fashion-mnist.toml")).unwrap();
        let (scratch, transfer) = spec.training.hypers();
        let said = (scratch.learning_rate, scratch.momentum, scratch.weight_decay);
        assert_eq!(said, (0.1, 0.9, 5e-4));
        assert_eq!((scratch.batch_size, scratch.epochs), (64, 10));
        assert_eq!((transfer.learning_rate, transfer.epochs), (0.05, 4));
    }
}
