//! The agent as a process: the base it works on, and what it leaves there.

mod agent_support;

use agent_support::agent::{Agent, outcome};
use agent_support::coordinator::Coordinator;
use agent_support::{PROGRAM, World, measurement, wait_until};
use imgcalc_proto::v1::Assignment;
use imgcalc_shared::task::{Outcome, Task};
use std::process::Command;

/// Runs a training whose task has an abandoned attempt's objects in the base, and answers its outcome with `verdict`.
fn completed(world: &World, task: &Task, verdict: &'static str) -> (Coordinator, Agent, String) {
    let coordinator = Coordinator::start();
    coordinator.book().verdict = Some(verdict);
    coordinator.assign("one", 2, &world.url(), task);
    let agent = Agent::start(&coordinator, "--checkpoint-seconds-min 0");
    wait_until("it is completed", || !coordinator.book().completed.is_empty());
    let json = coordinator.book().completed[0].outcome_json.clone();
    let Outcome::Train(trained) = outcome(&json) else {
        panic!("{json}");
    };
    (coordinator, agent, trained.weights.key)
}

fn abandoned(world: &World, task: &Task) -> String {
    let folder = format!("tasks/{}/attempt-1", task.id());
    for name in ["checkpoint-1", "checkpoint-1-2"] {
        let key = format!("{folder}/{name}.safetensors");
        world.base.put(&key, b"damaged".to_vec()).unwrap();
    }
    let weights = format!("{folder}/weights-abandoned.safetensors");
    world.base.put(&weights, b"old".to_vec()).unwrap();
    weights
}

#[test]
fn after_a_commit_checkpoints_go_and_weights_stay() {
    for verdict in ["committed", "already_committed"] {
        let world = World::new();
        let task = world.training(3);
        let other = abandoned(&world, &task);
        let (_coordinator, _agent, own) = completed(&world, &task, verdict);
        wait_until("the checkpoints are deleted", || {
            world.checkpoints(&task).is_empty()
        });
        assert_eq!(world.weights(&task), [other, own]);
    }
}

#[test]
fn nothing_is_deleted_of_a_result_that_is_refused() {
    let world = World::new();
    let task = world.training(3);
    let other = abandoned(&world, &task);
    let (coordinator, _agent, own) = completed(&world, &task, "refused");
    // The next answer says that the agent has done with the first.
    coordinator.assign("one", 3, &world.url(), &measurement());
    wait_until("the next is completed", || {
        coordinator.book().completed.len() == 2
    });
    assert_eq!(world.weights(&task), [other, own]);
    assert!(!world.checkpoints(&task).is_empty());
}

#[test]
fn a_worker_of_one_base_says_so_and_hands_tasks_of_another_back() {
    let (world, other) = (World::new(), World::new());
    let coordinator = Coordinator::start();
    coordinator.assign("one", 1, &other.url(), &measurement());
    coordinator.assign("one", 2, &world.url(), &measurement());
    let _agent = Agent::start(&coordinator, &format!("--base {} --host here", world.url()));
    wait_until("the second is completed", || {
        !coordinator.book().completed.is_empty()
    });
    let book = coordinator.book();
    let registered = &book.registered[0];
    assert_eq!(
        (registered.base.as_str(), registered.host.as_str()),
        (world.url().as_str(), "here")
    );
    assert_eq!(book.completed[0].token, 2);
    let [failed] = &book.failed[..] else {
        panic!("{:?}", book.failed);
    };
    assert_eq!((failed.class.as_str(), failed.token), ("storage", 1));
    for url in [world.url(), other.url()] {
        assert!(failed.message.contains(&url), "{}", failed.message);
    }
}

#[test]
fn a_base_that_cannot_be_read_ends_the_worker_at_its_start() {
    let folder = tempfile::tempdir().unwrap();
    let missing = format!("file://{}/missing", folder.path().display());
    for base in [missing.as_str(), "nonsense"] {
        let output = Command::new(PROGRAM)
            .args(["--coordinators", "127.0.0.1:1", "--threads", "1"])
            .env("IMGCALC_BASE", base)
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{log}");
        assert!(log.contains("error: the base ") && log.contains(base), "{log}");
    }
    assert!(!folder.path().join("missing").exists());
}

#[test]
fn a_task_this_worker_cannot_read_is_handed_back_at_once() {
    let world = World::new();
    let coordinator = Coordinator::start();
    coordinator.hand_out(Assignment {
        task_json: r#"{"kind":"teleport"}"#.into(),
        token: 4,
        task: "a-newer-kind".into(),
        base: world.url(),
        ..Assignment::default()
    });
    coordinator.assign("one", 5, &world.url(), &measurement());
    let _agent = Agent::start(&coordinator, "");
    wait_until("the next is completed", || {
        !coordinator.book().completed.is_empty()
    });
    let book = coordinator.book();
    let [failed] = &book.failed[..] else {
        panic!("{:?}", book.failed);
    };
    assert_eq!(
        (failed.class.as_str(), failed.token, failed.task.as_str()),
        ("application", 4, "a-newer-kind")
    );
    assert!(failed.message.contains("another version"), "{}", failed.message);
}
