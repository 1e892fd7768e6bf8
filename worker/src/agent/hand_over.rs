//! How an attempt ended, told to a coordinator however long it takes to reach one.

use super::link::{CALL_LIMIT, Link, LinkError};
use super::reporter;
use crate::data::Account;
use crate::failure::Failure;
use imgcalc_proto::to_wire;
use imgcalc_proto::v1::{CompleteRequest, FailRequest};
use imgcalc_shared::task::{Outcome, Task};

/// Longer messages of failures are cut: they are kept in the ledger.
const MESSAGE_CHARS_MAX: usize = 4096;

/// Returns once a coordinator knows, or when they are given up. Tells whether the task is committed now: then its
/// checkpoints are of no more use.
pub(super) async fn run(
    link: &Link,
    task: &Task,
    token: u64,
    result: Result<Outcome, Failure>,
    account: Account,
) -> Result<bool, LinkError> {
    let failure = match result {
        Ok(outcome) => match complete(link, task, token, &outcome, account).await {
            // It answers, but not to this: the attempt must not stay open.
            Err(LinkError::Refused(status)) => {
                let why = status.message();
                Failure::application(format!("the coordinator does not take the outcome: {why}"))
            }
            done => return done,
        },
        Err(failure) => failure,
    };
    fail(link, &task.id().to_string(), token, failure, account).await?;
    Ok(false)
}

/// Ends an attempt that failed or is handed back.
pub(super) async fn fail(
    link: &Link,
    task: &str,
    token: u64,
    failure: Failure,
    account: Account,
) -> Result<(), LinkError> {
    tracing::warn!(task, token, "fails: {failure}");
    let request = FailRequest {
        worker: String::new(),
        task: task.to_string(),
        token,
        // The name alone, without the quotes of JSON.
        class: to_wire(&failure.class).trim_matches('"').to_string(),
        message: failure.message.chars().take(MESSAGE_CHARS_MAX).collect(),
        account: Some(reporter::to_wire(account)),
    };
    let call = link.call(CALL_LIMIT, |mut client, worker| {
        let request = FailRequest {
            worker,
            ..request.clone()
        };
        async move { client.fail(request).await }
    });
    match call.await {
        Err(LinkError::Refused(status)) => {
            tracing::warn!("the failure is refused: {}", status.message());
            Ok(())
        }
        done => done.map(|_| ()),
    }
}

async fn complete(
    link: &Link,
    task: &Task,
    token: u64,
    outcome: &Outcome,
    account: Account,
) -> Result<bool, LinkError> {
    let id = task.id();
    let request = CompleteRequest {
        worker: String::new(),
        task: id.to_string(),
        token,
        outcome_json: to_wire(outcome),
        account: Some(reporter::to_wire(account)),
    };
    let call = link.call(CALL_LIMIT, |mut client, worker| {
        let request = CompleteRequest {
            worker,
            ..request.clone()
        };
        async move { client.complete(request).await }
    });
    let reply = call.await?;
    if reply.verdict == "refused" {
        tracing::warn!(
            task = id.0.short(),
            token,
            "the outcome is refused: {}",
            reply.reason
        );
        return Ok(false);
    }
    tracing::info!(
        task = id.0.short(),
        token,
        verdict = reply.verdict,
        "done: {task}"
    );
    Ok(true)
}
