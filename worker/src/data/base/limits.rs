//! How long a base is waited for, and how much goes into one request. Only stores behind a network know these limits.

use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use std::time::Duration;

const MEBI: u64 = 1 << 20;

/// Longest that credentials are asked for (of a metadata or token service): where there are none, nobody should wait
/// for minutes.
const CREDENTIALS_TOTAL_MAX: Duration = Duration::from_secs(15);

/// Limits of one base.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Until a connection stands.
    pub connect_max: Duration,
    /// For one request with its body. None moves more than [`Limits::request_bytes_max`], so one time serves all.
    pub request_max: Duration,
    /// Transient errors are retried until so much time has passed since the first try. Stays below 5 minutes: retried
    /// requests are not signed anew.
    pub retries_total_max: Duration,
    /// Retries of one request.
    pub retries_max: usize,
    /// Before the first retry; each further one waits up to twice as long, with jitter. A Retry-After of the store is not
    /// looked at: the growing wait leaves it alone soon enough.
    pub back_off_first: Duration,
    /// Between any two tries.
    pub back_off_max: Duration,
    /// Larger objects and ranges are moved in pieces.
    pub request_bytes_max: u64,
    /// Of one piece. S3 takes nothing below 5 MiB, and at most 10,000 pieces: 156 GiB with 16 MiB.
    pub piece_bytes: u64,
    /// Pieces of one object that move at a time.
    pub pieces_at_once: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connect_max: Duration::from_secs(5),
            request_max: Duration::from_secs(60),
            retries_total_max: Duration::from_secs(180),
            retries_max: 40,
            back_off_first: Duration::from_millis(200),
            back_off_max: Duration::from_secs(15),
            request_bytes_max: 32 * MEBI,
            piece_bytes: 16 * MEBI,
            pieces_at_once: 4,
        }
    }
}

impl Limits {
    /// What the store's client makes of them.
    pub(super) fn client(&self) -> ClientOptions {
        ClientOptions::new()
            .with_connect_timeout(self.connect_max)
            .with_timeout(self.request_max)
    }

    pub(super) fn retry(&self) -> RetryConfig {
        RetryConfig {
            backoff: BackoffConfig {
                init_backoff: self.back_off_first,
                max_backoff: self.back_off_max,
                base: 2.0,
            },
            max_retries: self.retries_max,
            retry_timeout: self.retries_total_max,
        }
    }

    pub(super) fn retry_of_credentials(&self) -> RetryConfig {
        RetryConfig {
            retry_timeout: self.retries_total_max.min(CREDENTIALS_TOTAL_MAX),
            ..self.retry()
        }
    }
}
