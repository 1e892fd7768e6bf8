//! A second layer of retries. The store's client repeats single requests by itself; what it cannot know to be safe to
//! repeat is repeated here as a whole operation: an answer that ends in its middle, a conditional write whose answer
//! was lost, an upload that could not be completed.

use super::limits::Limits;
use super::reason::Reason;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// Tries until it succeeds, the error is permanent, or the limits are reached. No try starts after the limit of time;
/// the requests of the last one have the same limits once more.
pub(super) async fn persist<T>(
    limits: &Limits,
    mut operation: impl AsyncFnMut() -> object_store::Result<T>,
) -> object_store::Result<T> {
    let start = Instant::now();
    let random = RandomState::new();
    let mut step = limits.back_off_first;
    let mut retries = 0;
    loop {
        let error = match operation().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let reason = Reason::of(&error);
        if !reason.is_transient()
            || retries >= limits.retries_max
            || start.elapsed() >= limits.retries_total_max
        {
            return Err(error);
        }
        let delay = jittered(step, random.hash_one(retries));
        tracing::info!(%reason, delay_ms = delay.as_millis() as u64, "the base is tried again");
        tokio::time::sleep(delay).await;
        retries += 1;
        step = (step * 2).min(limits.back_off_max);
    }
}

/// Between half of a step and all of it: those whom one fault hit at the same moment do not return at the same moment.
fn jittered(step: Duration, random: u64) -> Duration {
    step / 2 + (step / 2).mul_f64((random % 1000) as f64 / 1000.0)
}
