//! Looks whether the weights and the state that a result names are there, before it is committed. Their bytes are not read: the
//! object's name carries its digest, its length is asked for, and whoever reads it compares the content.

use futures::StreamExt;
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::task::Outcome;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tonic::Status;

/// A base that does not answer so fast is not waited for: it is the workers' business, and a good result must not
/// depend on the coordinator's line to the base.
const LOOK_MAX: Duration = Duration::from_secs(5);

/// A base as the coordinator sees it.
type Store = (Arc<dyn ObjectStore>, Key);

/// Handles of the bases that were looked at.
#[derive(Default)]
pub(super) struct Results {
    stores: Mutex<HashMap<String, Option<Store>>>,
}

impl Results {
    /// What is wrong with the weights that an outcome names, if that can be seen from here.
    pub(super) async fn missing(&self, base: &str, outcome: &Outcome) -> Result<Option<String>, Status> {
        let Outcome::Train(trained) = outcome else {
            return Ok(None);
        };
        let named = std::iter::once(("weights", &trained.weights));
        for (what, object) in named.chain(trained.state.iter().map(|state| ("state", state))) {
            if let Some(wrong) = self.missing_object(base, what, object).await {
                return Ok(Some(wrong));
            }
        }
        Ok(None)
    }

    async fn missing_object(&self, base: &str, what: &str, object: &ObjectRef) -> Option<String> {
        let digest = object.digest.to_string();
        if !object.key.contains(&digest) {
            return Some(format!(
                "the {what} {} does not carry the digest {digest}",
                object.key
            ));
        }
        let (store, prefix) = self.store(base)?;
        match tokio::time::timeout(LOOK_MAX, look(&*store, &prefix, what, object)).await {
            Ok(found) => found.map(|wrong| format!("{wrong} (base {base})")),
            Err(_) => {
                tracing::debug!(
                    base,
                    "the base does not answer in time; the result is taken unseen"
                );
                None
            }
        }
    }

    fn store(&self, base: &str) -> Option<Store> {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        let open = || {
            let url = base.parse().ok()?;
            let environment = std::env::vars().map(|(key, value)| (key.to_ascii_lowercase(), value));
            let (store, prefix) = object_store::parse_url_opts(&url, environment).ok()?;
            Some((Arc::from(store), prefix))
        };
        stores.entry(base.into()).or_insert_with(open).clone()
    }
}

async fn look(store: &dyn ObjectStore, prefix: &Key, what: &str, object: &ObjectRef) -> Option<String> {
    let key = Key::from_iter(prefix.parts().chain(Key::from(object.key.as_str()).parts()));
    match store.head(&key).await {
        Ok(found) if found.size == object.bytes => None,
        Ok(found) => Some(format!(
            "the {what} {} has {} bytes, not {}",
            object.key, found.size, object.bytes
        )),
        // A base that this machine cannot see at all says nothing about one object in it.
        Err(object_store::Error::NotFound { .. }) => {
            let datasets = Key::from_iter(prefix.parts().chain(Key::from("datasets").parts()));
            let sees = store.list(Some(&datasets)).next().await;
            matches!(sees, Some(Ok(_))).then(|| format!("the {what} {} is not there", object.key))
        }
        Err(_) => None,
    }
}
