//! From an `s3://` URL and settings to a store.

use super::credentials::Asked;
use super::limits::Limits;
use object_store::ObjectStore;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use std::sync::Arc;
use url::Url;

/// Environment variable and value.
pub(super) type Setting = (String, String);

/// What the environment says.
pub(super) fn from_env() -> Vec<Setting> {
    std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(key, _)| key.starts_with("AWS_"))
        .collect()
}

/// Errors say nothing of the URL, which the caller shows, or of the settings.
pub(super) fn store(
    url: &Url,
    settings: &[Setting],
    limits: &Limits,
) -> Result<Box<dyn ObjectStore>, String> {
    let place = url.host_str().unwrap_or_default();
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(place)
        .with_client_options(limits.client());
    for (key, value) in settings {
        // Others, such as AWS_PROFILE, are for other tools.
        if let Ok(key) = key.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value);
        }
    }
    let wrong = |error: object_store::Error| error.to_string();
    if builder
        .get_config_value(&AmazonS3ConfigKey::AccessKeyId)
        .is_none()
    {
        let impatient = builder.clone().with_retry(limits.retry_of_credentials());
        let credentials = impatient.build().map_err(wrong)?.credentials().clone();
        builder = builder.with_credentials(Arc::new(Asked(credentials)));
    }
    let store = builder
        .with_bucket_name(place)
        .with_retry(limits.retry())
        .build()
        .map_err(wrong)?;
    let prefix = Path::from_url_path(url.path()).map_err(|error| error.to_string())?;
    Ok(if prefix.as_ref().is_empty() {
        Box::new(store)
    } else {
        Box::new(PrefixStore::new(store, prefix))
    })
}
