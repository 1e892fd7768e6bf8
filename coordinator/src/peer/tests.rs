//! A peer that is alone, with made-up workers: leases, fencing, restarts, sharing of results.

use super::{Options, Peer};
use crate::leader::{Asked, Directive, Lease, Progress, Said, Terms, WorkerFacts};
use crate::ledger::{BuildPhase, Wanted};
use crate::plan::testing;
use crate::replica::{Identity, Timing};
use crate::view::Account;
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

async fn leader(folder: &Path) -> Peer {
    // A peer that was just dropped gives its ledger back within a moment.
    for _ in 0..100 {
        let options = Options {
            data_dir: folder.into(),
            identity: Identity::alone(),
            terms: terms(),
            timing: Timing::default(),
            credentials: None,
        };
        match Peer::start(options) {
            Ok(peer) => {
                peer.leads().await.unwrap();
                return peer;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    panic!("the ledger is not given back");
}

async fn register(leader: &Peer, name: &str, host: &str) {
    let facts = WorkerFacts {
        name: name.into(),
        host: host.into(),
        hardware: "cpu".into(),
        base: None,
    };
    leader.register(facts).await.unwrap();
}

async fn ask(leader: &Peer, worker: &str, wait_ms: u64) -> Asked {
    leader
        .lease(worker.into(), Duration::from_millis(wait_ms), 0)
        .await
        .unwrap()
}

async fn lease(leader: &Peer, worker: &str) -> Lease {
    match ask(leader, worker, 5000).await {
        Asked::Lease(lease) => *lease,
        other => panic!("{worker} gets {other:?}"),
    }
}

async fn cancel(leader: &Peer, build: &BuildId) -> Result<(), crate::leader::LeaderError> {
    leader.direct(build.clone(), Some(Wanted::Cancel), None).await
}

async fn complete(leader: &Peer, lease: &Lease) -> Said {
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
        account: None,
        log: String::new(),
    }
}

/// Works until the build is over; returns how many tasks that took.
async fn work(leader: &Peer, worker: &str, build: &BuildId) -> usize {
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
            other => panic!("{worker} gets {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_ends_when_a_worker_did_all_and_a_restart_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let build = testing::build();
    let first = leader(folder.path()).await;
    let (id, known) = first.submit(build.clone(), 0).await.unwrap();
    assert!(!known);
    assert_eq!(ask(&first, "w", 10).await, Asked::UnknownWorker);
    register(&first, "w", "h").await;
    for _ in 0..20 {
        let lease = lease(&first, "w").await;
        complete(&first, &lease).await;
    }
    drop(first);
    let second = leader(folder.path()).await;
    assert_eq!(second.submit(build.clone(), 0).await.unwrap(), (id.clone(), true));
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
    let (wider_id, _) = second.submit(wider.clone(), 0).await.unwrap();
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
async fn what_attempts_read_is_shown_of_each_and_adds_up_on_their_worker() {
    let folder = tempfile::tempdir().unwrap();
    let leader = leader(folder.path()).await;
    let (build, _) = leader.submit(testing::build(), 0).await.unwrap();
    register(&leader, "w", "h").await;
    let account = |bytes| Account {
        bytes_asked: bytes,
        bytes_moved: bytes + 1,
        requests: 2,
        bytes_cached: 3,
    };
    let of_worker = async || leader.overview().await.unwrap().workers[0].account;
    let first = lease(&leader, "w").await;
    let report = Progress {
        account: Some(account(10)),
        ..progress(&first, "w")
    };
    leader.progress(report).await.unwrap();
    // A worker of an earlier release says nothing: what is known stays.
    leader.progress(progress(&first, "w")).await.unwrap();
    let running = leader.view(build.clone()).await.unwrap().running;
    assert_eq!((running.len(), running[0].account), (1, account(10)));
    assert_eq!(of_worker().await, account(10));

    // The last word comes with the result.
    leader.account(first.token, account(20));
    complete(&leader, &first).await;
    assert_eq!(of_worker().await, account(20));
    let second = lease(&leader, "w").await;
    leader.account(second.token, account(100));
    let both = Account {
        bytes_asked: 120,
        bytes_moved: 122,
        requests: 4,
        bytes_cached: 6,
    };
    assert_eq!(of_worker().await, both);
    let (task, class) = (second.task.id(), FailureClass::Preempted);
    leader
        .fail(task, second.token, class, "drained".into())
        .await
        .unwrap();
    assert_eq!(of_worker().await, both);
    leader.account(second.token, account(1000));
    assert_eq!(of_worker().await, both, "an attempt that is over reads no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_taken_only_after_lease_and_grace_and_a_late_result_still_counts() {
    let folder = tempfile::tempdir().unwrap();
    let leader = leader(folder.path()).await;
    leader.submit(testing::build(), 0).await.unwrap();
    register(&leader, "slow", "a").await;
    let held = lease(&leader, "slow").await;
    // As long as it reports, it keeps its task, however long it takes.
    for _ in 0..16 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(
            leader.progress(progress(&held, "slow")).await.unwrap(),
            Directive::default()
        );
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
        leader
            .progress(progress(&held, "slow"))
            .await
            .unwrap()
            .stop
            .is_some(),
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
    let (build, _) = leader.submit(testing::build(), 0).await.unwrap();
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
    let (build, _) = leader.submit(testing::build(), 0).await.unwrap();
    register(&leader, "w", "h").await;
    let held = lease(&leader, "w").await;
    cancel(&leader, &build).await.unwrap();
    assert!(
        leader
            .progress(progress(&held, "w"))
            .await
            .unwrap()
            .stop
            .is_some()
    );
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
    assert!(cancel(&leader, &BuildId("no-such".into())).await.is_err());
    assert_eq!(leader.submit(testing::build(), 0).await.unwrap(), (build, true));
    assert_eq!(lease(&leader, "w").await.task, held.task);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_never_arrived_is_given_again_at_the_next_question() {
    let folder = tempfile::tempdir().unwrap();
    let leader = leader(folder.path()).await;
    leader.submit(testing::build(), 0).await.unwrap();
    register(&leader, "w", "h").await;
    let wait = Duration::from_secs(5);
    let Asked::Lease(lost) = leader.lease("w".into(), wait, 7).await.unwrap() else {
        panic!("there is work");
    };
    let Asked::Lease(again) = leader.lease("w".into(), wait, 8).await.unwrap() else {
        panic!("there is work");
    };
    assert_eq!(again.task, lost.task);
    assert!(again.token > lost.token);
    // A question that was overtaken on its way takes nothing away.
    assert_eq!(
        leader.lease("w".into(), Duration::ZERO, 7).await.unwrap(),
        Asked::Nothing
    );
    let told = leader.progress(progress(&again, "w")).await.unwrap();
    assert_eq!(told, Directive::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_build_gives_no_work_until_it_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let leader = leader(folder.path()).await;
    let (build, _) = leader.submit(testing::build(), 0).await.unwrap();
    register(&leader, "w", "h").await;
    leader
        .direct(build.clone(), Some(Wanted::Pause), Some(3))
        .await
        .unwrap();
    assert_eq!(ask(&leader, "w", 50).await, Asked::Nothing);
    let overview = leader.overview().await.unwrap();
    assert_eq!(overview.builds[0].phase, BuildPhase::Paused);
    assert_eq!(overview.builds[0].priority, 3);
    leader.direct(build, Some(Wanted::Run), None).await.unwrap();
    lease(&leader, "w").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_was_given_up_can_be_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let leader = leader(folder.path()).await;
    let (build, _) = leader.submit(testing::build(), 0).await.unwrap();
    assert!(
        leader.retry(build.clone(), String::new()).await.is_err(),
        "nothing is given up"
    );
    register(&leader, "w", "h").await;
    let failed = lease(&leader, "w").await;
    let (task, token) = (failed.task.id(), failed.token);
    let message = "not a number".to_string();
    leader
        .fail(task, token, FailureClass::Numeric, message)
        .await
        .unwrap();
    let view = leader.view(build.clone()).await.unwrap();
    assert!(view.quarantined.contains(&task));
    assert_eq!(leader.retry(build.clone(), task.to_string()).await.unwrap(), 1);
    assert!(leader.view(build).await.unwrap().quarantined.is_empty());
    assert_eq!(lease(&leader, "w").await.task, failed.task);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_drained_gets_no_work_and_is_told_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let leader = leader(folder.path()).await;
    leader.submit(testing::build(), 0).await.unwrap();
    assert!(!leader.drain("w".into(), false).await.unwrap(), "it is not known");
    register(&leader, "w", "h").await;
    let held = lease(&leader, "w").await;
    assert!(leader.drain("w".into(), false).await.unwrap());
    assert!(leader.progress(progress(&held, "w")).await.unwrap().drain);
    assert_eq!(ask(&leader, "w", 50).await, Asked::Drain);
    leader.drain("w".into(), true).await.unwrap();
    assert!(!leader.progress(progress(&held, "w")).await.unwrap().drain);
}
