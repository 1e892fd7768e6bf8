//! The agent as a process that is told to end: nothing that it did is lost, and it is gone in time.

mod agent_support;

use agent_support::agent::{Agent, ENDLESS, wait_for_training};
use agent_support::coordinator::{Book, Coordinator};
use agent_support::{World, is_alive, signal, wait_until};
use rustix::process::Signal;

/// No checkpoint but that of a drain.
const NO_CHECKPOINT: &str = "--checkpoint-seconds-min 3600";

/// It said goodbye, or says itself that it could not in the two seconds it has for that.
fn assert_left(book: &Book, worker: &str, log: &str) {
    let unheard = book.left.is_empty() && log.contains("no coordinator hears the goodbye");
    assert!(unheard || book.left == [worker], "{:?}: {log}", book.left);
}

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
    assert_eq!(book.failed.len(), 1, "{log}");
    assert_eq!(
        (book.failed[0].class.as_str(), book.failed[0].token),
        ("preempted", 1)
    );
    assert_left(&book, &book.failed[0].worker, &log);
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
    assert_left(&coordinator.book(), "w1", &log);
}

#[test]
fn without_any_coordinator_the_checkpoint_is_stored_and_the_worker_ends_in_its_grace() {
    let world = World::new();
    let mut coordinator = Coordinator::start();
    let task = world.training(ENDLESS);
    coordinator.assign("one", 1, &world.url(), &task);
    let agent = Agent::start(&coordinator, &format!("{NO_CHECKPOINT} --grace-seconds 20"));
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
    let task = world.training(ENDLESS);
    let drained = |token: u64| {
        coordinator.assign("one", token, &world.url(), &task);
        let agent = Agent::start(&coordinator, NO_CHECKPOINT);
        let mut first = None;
        wait_until("the training is under way", || {
            let book = coordinator.book();
            let mut updates = book.updates.iter();
            first = updates
                .find(|update| update.token == token && update.epoch > 0)
                .map(|update| update.epoch);
            first.is_some()
        });
        signal(agent.pid(), Signal::TERM);
        let (status, log) = agent.end();
        assert!(status.success(), "{log}");
        (first.unwrap(), log)
    };
    let (_, log) = drained(1);
    assert!(!log.contains("goes on from a checkpoint"), "{log}");
    let [checkpoint] = &world.checkpoints(&task)[..] else {
        panic!("{:?}", world.checkpoints(&task));
    };
    let place = checkpoint.rsplit_once("/checkpoint-").unwrap().1;
    let done: u32 = place.split(['-', '.']).next().unwrap().parse().unwrap();
    assert!(done > 0, "{checkpoint}");
    let (first, log) = drained(2);
    assert!(log.contains("goes on from a checkpoint"), "{log}");
    assert!(first >= done, "{first} epochs are told of after {checkpoint}");
}
