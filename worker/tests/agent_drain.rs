//! The agent as a process that is told to end: nothing that it did is lost, and it is gone in time.

mod agent_support;

use agent_support::agent::{Agent, ENDLESS, wait_for_training};
use agent_support::coordinator::Coordinator;
use agent_support::{World, is_alive, signal, wait_until};
use rustix::process::Signal;

/// No checkpoint but that of a drain.
const NO_CHECKPOINT: &str = "--checkpoint-seconds-min 3600";

/// Ends a worker in the middle of a training by `tell`; what it says of the attempt.
fn ended(tell: impl Fn(&Coordinator, &Agent)) -> String {
    let world = World::new();
    let coordinator = Coordinator::start();
    let task = world.training(ENDLESS);
    coordinator.assign("one", 1, &world.url(), &task);
    let agent = Agent::start(&coordinator, NO_CHECKPOINT);
    wait_for_training(&coordinator);
    assert!(world.checkpoints(&task).is_empty());
    let runner = agent.runner();
    tell(&coordinator, &agent);
    let (status, log) = agent.end();
    assert!(status.success(), "{log}");
    assert!(!is_alive(runner));
    let [checkpoint] = &world.checkpoints(&task)[..] else {
        panic!("{:?}", world.checkpoints(&task));
    };
    assert!(checkpoint.contains("/attempt-1/checkpoint-"), "{checkpoint}");
    let book = coordinator.book();
    assert_eq!((book.failed.len(), book.left.len()), (1, 1), "{log}");
    assert_eq!(
        (book.failed[0].class.as_str(), book.failed[0].token),
        ("preempted", 1)
    );
    assert_eq!(book.left[0], book.failed[0].worker);
    book.failed[0].message.clone()
}

#[test]
fn a_drain_stores_a_checkpoint_hands_the_attempt_back_and_leaves() {
    let message = ended(|coordinator, _| coordinator.book().drain = true);
    assert!(message.contains("drains"), "{message}");
}

#[test]
fn sigterm_and_sigint_do_the_same() {
    for name in [Signal::TERM, Signal::INT] {
        let message = ended(|_, agent| signal(agent.pid(), name));
        assert!(message.contains("told to end"), "{message}");
    }
}

#[test]
fn a_worker_that_waits_for_work_is_drained_too() {
    let coordinator = Coordinator::start();
    let agent = Agent::start(&coordinator, "");
    wait_until("it is registered", || !coordinator.book().registered.is_empty());
    coordinator.book().drain = true;
    let (status, log) = agent.end();
    assert!(status.success(), "{log}");
    assert_eq!(coordinator.book().left, ["w1"]);
}

#[test]
fn without_any_coordinator_the_checkpoint_is_stored_and_the_worker_ends_in_its_grace() {
    let world = World::new();
    let mut coordinator = Coordinator::start();
    let task = world.training(ENDLESS);
    coordinator.assign("one", 1, &world.url(), &task);
    let agent = Agent::start(&coordinator, &format!("{NO_CHECKPOINT} --grace-seconds 4"));
    wait_for_training(&coordinator);
    let runner = agent.runner();
    coordinator.go_away();
    signal(agent.pid(), Signal::TERM);
    let (status, log) = agent.end();
    assert!(status.success(), "{log}");
    assert!(log.contains("the time to end in is over"), "{log}");
    assert!(!is_alive(runner));
    assert_eq!(world.checkpoints(&task).len(), 1);
}

#[test]
fn a_drained_training_is_gone_on_with_by_another_worker() {
    let world = World::new();
    let coordinator = Coordinator::start();
    let task = world.training(150);
    coordinator.assign("one", 1, &world.url(), &task);
    let agent = Agent::start(&coordinator, NO_CHECKPOINT);
    wait_for_training(&coordinator);
    signal(agent.pid(), Signal::TERM);
    assert!(agent.end().0.success());
    if coordinator.book().completed.is_empty() {
        coordinator.assign("one", 2, &world.url(), &task);
        let agent = Agent::start(&coordinator, NO_CHECKPOINT);
        wait_until("it is completed", || !coordinator.book().completed.is_empty());
        signal(agent.pid(), Signal::TERM);
        let (_, log) = agent.end();
        assert!(log.contains("goes on from a checkpoint"), "{log}");
    }
}
