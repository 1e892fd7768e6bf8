//! Credentials that no setting names are asked for of a metadata or token service. That they are not to be had is told
//! apart from a store that does not answer: nobody should wait for minutes where there are none.

use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::aws::{AwsCredential, AwsCredentialProvider};
use object_store::{CredentialProvider, Error as StoreError};
use std::sync::Arc;

/// Asks another provider and marks its errors.
#[derive(Debug)]
pub(super) struct Asked(pub AwsCredentialProvider);

/// What is below any error of a request for which there were no credentials.
#[derive(Debug, thiserror::Error)]
#[error("no credentials: {0}")]
pub(super) struct NoCredentials(#[source] StoreError);

impl CredentialProvider for Asked {
    type Credential = AwsCredential;

    // Written as the macro of the trait's crate would write it.
    fn get_credential<'s, 'f>(&'s self) -> BoxFuture<'f, object_store::Result<Arc<AwsCredential>>>
    where
        's: 'f,
        Self: 'f,
    {
        async {
            self.0
                .get_credential()
                .await
                .map_err(|error| StoreError::Generic {
                    store: "S3",
                    source: Box::new(NoCredentials(error)),
                })
        }
        .boxed()
    }
}
