//! The leader with made-up workers: leases, fencing, restarts, sharing of results.

use super::{Asked, Leader, Lease, Progress, Said, Terms, WorkerFacts};
use crate::ledger::BuildPhase;
use crate::plan::testing;
use imgcalc_shared::build::{Build, BuildId};
use imgcalc_shared::task::FailureClass;
use std::path::Path;
use std::time::Duration;

fn terms() -> Terms {
    let millis = Duration::from_millis;
    Terms {
        lease: millis(300),
        grace: millis(300),
        heartbeat: millis(50),
        orphan: millis(1000),
    }
}

async fn leader(folder: &Path) -> Leader {
    // A leader that was just dropped gives its ledger back within a moment.
    for _ in 0..100 {
        match Leader::start(folder, terms()) {
            Ok(leader) => return leader,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    panic!("the ledger is not given back");
}

async fn register(leader: &Leader, name: &str, host: &str) {
    let facts = WorkerFacts {
        name: name.into(),
        host: host.into(),
        hardware: "cpu".into(),
    };
    leader.register(facts).await.unwrap();
}

async fn ask(leader: &Leader, worker: &str, wait_ms: u64) -> Asked {
    leader
        .lease(worker.into(), Duration::from_millis(wait_ms))
        .await
        .unwrap()
}

async fn lease(leader: &Leader, worker: &str) -> Lease {
    match ask(leader, worker, 5000).await {
        Asked::Lease(lease) => *lease,
        other => panic!("{worker} gets {other:?}"),
    }
}

async fn complete(leader: &Leader, lease: &Lease) -> Said {
    leader
        .complete(lease.task.id(), lease.token, testing::outcome(&lease.task))
        .await
        .unwrap()
}

fn progress(lease: &Lease, worker: &str) -> Progress {
    Progress {
        worker: worker.into(),
        task: lease.task.id(),
        token: lease.token,
        epoch: 0,
        epochs: 1,
        loss: None,
        accuracy: None,
        images_per_second: 0.0,
        bytes_read: 0,
        log: String::new(),
    }
}

/// Works until the build is over; returns how many tasks that took.
async fn work(leader: &Leader, worker: &str, build: &BuildId) -> usize {
    let mut done = 0;
    loop {
        match ask(leader, worker, 300).await {
            Asked::Lease(lease) => {
                assert_eq!(complete(leader, &lease).await, Said::Committed);
                done += 1;
            }
            Asked::Nothing => {
                let view = leader.view(build.clone()).await.unwrap();
                assert!(
                    matches!(view.phase, BuildPhase::Ended { .. }),
                    "work is left and none is given"
                );
                return done;
            }
            Asked::UnknownWorker => panic!("{worker} is known"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_ends_when_a_worker_did_all_and_a_restart_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let build = testing::build();
    let first = leader(folder.path()).await;
    let (id, known) = first.submit(build.clone()).await.unwrap();
    assert!(!known);
    assert_eq!(ask(&first, "w", 10).await, Asked::UnknownWorker);
    register(&first, "w", "h").await;
    for _ in 0..20 {
        let lease = lease(&first, "w").await;
        complete(&first, &lease).await;
    }
    drop(first);
    let second = leader(folder.path()).await;
    assert_eq!(second.submit(build.clone()).await.unwrap(), (id.clone(), true));
    register(&second, "w", "h").await;
    let rest = work(&second, "w", &id).await;
    let view = second.view(id.clone()).await.unwrap();
    assert_eq!(20 + rest, view.results.len());
    let (expected, _) = testing::run(&build, |_| 0, |_| false);
    assert_eq!(view.plan(), expected, "the same as an undisturbed build");

    // Another build over the same data that differs only in what it samples repeats no training it shares.
    let wider = Build {
        formats_per_bucket: 4,
        ..build
    };
    let (wider_id, _) = second.submit(wider.clone()).await.unwrap();
    let done = work(&second, "w", &wider_id).await;
    let (_, all) = testing::run(&wider, |_| 0, |_| false);
    let shared = all.keys().filter(|id| view.results.contains_key(id)).count();
    assert!(
        shared >= 34 && done == all.len() - shared,
        "{done} done, {shared} of {} shared",
        all.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_taken_only_after_lease_and_grace_and_a_late_result_still_counts() {
    let folder = tempfile::tempdir().unwrap();
    let leader = leader(folder.path()).await;
    leader.submit(testing::build()).await.unwrap();
    register(&leader, "slow", "a").await;
    let held = lease(&leader, "slow").await;
    // As long as it reports, it keeps its task, however long it takes.
    for _ in 0..16 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(leader.progress(progress(&held, "slow")).await.unwrap(), None);
    }
    // Silence longer than lease and grace opens the task again, and another worker gets it.
    register(&leader, "quick", "b").await;
    let mut again = lease(&leader, "quick").await;
    let since = std::time::Instant::now();
    while again.task != held.task {
        assert!(
            since.elapsed() < Duration::from_secs(20),
            "the silent worker's task is never given away"
        );
        complete(&leader, &again).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        register(&leader, "quick", "b").await;
        again = lease(&leader, "quick").await;
    }
    assert!(again.token > held.token);
    assert!(
        leader.progress(progress(&held, "slow")).await.unwrap().is_some(),
        "the fenced attempt is told to stop"
    );
    // Its result comes late, but the task is open: taken. The second one is not needed any more.
    assert_eq!(complete(&leader, &held).await, Said::Committed);
    assert_eq!(complete(&leader, &again).await, Said::AlreadyCommitted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_known_to_be_gone_loses_its_task_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let leader = leader(folder.path()).await;
    let (build, _) = leader.submit(testing::build()).await.unwrap();
    register(&leader, "w", "h").await;
    let held = lease(&leader, "w").await;
    leader
        .gone(Some("w".into()), FailureClass::WorkerLost, "killed".into())
        .await
        .unwrap();
    register(&leader, "w", "h").await;
    assert_eq!(lease(&leader, "w").await.task, held.task);
    let view = leader.view(build).await.unwrap();
    let attempts = &view
        .attempts
        .iter()
        .find(|task| task.task == held.task.id())
        .unwrap()
        .attempts;
    assert_eq!(attempts.len(), 2);
    assert_eq!(
        attempts[0].failure,
        Some((FailureClass::WorkerLost, "killed".into()))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_stops_what_runs_and_submitting_again_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let leader = leader(folder.path()).await;
    let (build, _) = leader.submit(testing::build()).await.unwrap();
    register(&leader, "w", "h").await;
    let held = lease(&leader, "w").await;
    leader.cancel(build.clone()).await.unwrap();
    assert!(leader.progress(progress(&held, "w")).await.unwrap().is_some());
    leader
        .fail(
            held.task.id(),
            held.token,
            FailureClass::Preempted,
            "told to".into(),
        )
        .await
        .unwrap();
    assert_eq!(ask(&leader, "w", 50).await, Asked::Nothing);
    assert!(leader.cancel(BuildId("no-such".into())).await.is_err());
    assert_eq!(leader.submit(testing::build()).await.unwrap(), (build, true));
    assert_eq!(lease(&leader, "w").await.task, held.task);
}
