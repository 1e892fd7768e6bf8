//! Proposers that wait for one commit each.

use crate::group::Group;
use std::time::{Duration, Instant};

/// What a load came to.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// Commits against the leader of a group for a while.
pub async fn run(group: &Group, proposers: usize, warm_up: Duration, span: Duration) -> anyhow::Result<Load> {
    let leader = group.leader().await?;
    let begin = Instant::now() + warm_up;
    let end = begin + span;
    let mut tasks = tokio::task::JoinSet::new();
    for proposer in 0..proposers {
        let mut client = group.client(leader, proposer)?;
        tasks.spawn(async move {
            let mut milliseconds = Vec::new();
            let mut number = 0;
            while Instant::now() < end {
                let asked = Instant::now();
                client.commit(number).await?;
                number += 1;
                if asked >= begin {
                    milliseconds.push(asked.elapsed().as_secs_f64() * 1e3);
                }
            }
            anyhow::Ok(milliseconds)
        });
    }
    let mut all = Vec::new();
    while let Some(done) = tasks.join_next().await {
        all.extend(done??);
    }
    Ok(Load {
        per_second: all.len() as f64 / span.as_secs_f64(),
        p50_ms: quantile(&mut all, 0.5),
        p99_ms: quantile(&mut all, 0.99),
    })
}

/// The value below which a share of them lies.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = (values.len() as f64 * share).ceil() as usize;
    values.get(index.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

impl std::fmt::Display for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Load {
            per_second,
            p50_ms,
            p99_ms,
        } = self;
        write!(
            f,
            "{per_second:.0} commits/s, p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms"
        )
    }
}
