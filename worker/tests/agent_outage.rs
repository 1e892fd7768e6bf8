//! The agent as a process while coordinators go away, come back and forget.

mod agent_support;

use agent_support::agent::{Agent, ENDLESS, outcome, wait_for_training};
use agent_support::coordinator::{Coordinator, wait_until_missed};
use agent_support::held::Held;
use agent_support::{PROGRAM, World, is_alive, measurement, signal, wait_until};
use rustix::process::Signal;
use std::process::Command;
use std::slice::from_ref;

#[test]
fn while_no_coordinator_answers_the_training_goes_on_and_its_result_is_kept() {
    let world = World::new();
    let mut coordinator = Coordinator::start();
    let agent = Agent::start(&coordinator, "--checkpoint-seconds 0");
    let held = Held::start(&world, &coordinator, &agent);
    coordinator.go_away();
    held.let_go();
    wait_until("the training ends meanwhile", || {
        !world.weights(&held.task).is_empty()
    });
    assert!(
        !world.checkpoints(&held.task).is_empty(),
        "kept until it is committed"
    );
    coordinator.forget_workers();
    coordinator.come_back();
    let completed = || coordinator.book().completed.len() as u64;
    wait_until("it is completed", || completed() == held.token);
    let book = coordinator.book();
    let last = book.completed.last().unwrap();
    assert_eq!(last.token, held.token);
    assert_eq!(last.worker, "w2", "it registered again");
    assert!(held.task.accepts(&outcome(&last.outcome_json)));
    assert!(book.failed.is_empty());
    assert!(is_alive(held.runner));
}

#[test]
fn a_coordinator_that_returns_in_the_middle_hears_of_the_same_attempt() {
    let world = World::new();
    let mut coordinator = Coordinator::start();
    coordinator.assign("one", 9, &world.url(), &world.training(ENDLESS));
    let agent = Agent::start(&coordinator, "");
    wait_for_training(&coordinator);
    let runner = agent.runner();
    coordinator.go_away();
    coordinator.forget_workers();
    coordinator.book().updates.clear();
    wait_until_missed(from_ref(&coordinator), 1);
    coordinator.come_back();
    wait_for_training(&coordinator);
    assert_eq!(agent.runner(), runner);
    let (worker, token) = {
        let book = coordinator.book();
        (book.updates[0].worker.clone(), book.updates[0].token)
    };
    assert_eq!((worker.as_str(), token), ("w2", 9));

    coordinator.book().stop = Some("its build is cancelled".into());
    wait_until("the attempt ends", || !coordinator.book().failed.is_empty());
    let book = coordinator.book();
    assert_eq!(book.failed[0].class, "preempted");
    assert_eq!(book.failed[0].message, "its build is cancelled");
    assert_eq!((book.failed[0].token, book.failed.len()), (9, 1));
}

#[test]
fn an_agent_without_coordinators_for_too_long_ends_and_says_so() {
    let world = World::new();
    let mut coordinator = Coordinator::start();
    let task = world.training(ENDLESS);
    coordinator.assign("one", 1, &world.url(), &task);
    let agent = Agent::start(&coordinator, "--orphan-seconds 1 --checkpoint-seconds-min 3600");
    wait_for_training(&coordinator);
    let runner = agent.runner();
    let address = coordinator.address.to_string();
    coordinator.go_away();
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(
        log.contains(&format!("error: no coordinator of {address} answers for")),
        "{log}"
    );
    assert!(!is_alive(runner));
    assert_eq!(world.checkpoints(&task).len(), 1, "somebody may go on from it");
}

#[test]
fn sigterm_ends_an_agent_that_waits_for_work_or_for_a_coordinator() {
    let mut coordinator = Coordinator::start();
    let agent = Agent::start(&coordinator, "");
    wait_until("it is registered", || !coordinator.book().registered.is_empty());
    signal(agent.pid(), Signal::TERM);
    assert!(agent.end().0.success());

    coordinator.go_away();
    let mut agent = Agent::start(&coordinator, "");
    wait_until_missed(from_ref(&coordinator), 2);
    assert!(
        agent.process.child.try_wait().unwrap().is_none(),
        "it waits for a coordinator"
    );
    signal(agent.pid(), Signal::TERM);
    assert!(agent.end().0.success());
}

#[test]
fn a_worker_the_coordinator_forgot_registers_again() {
    let world = World::new();
    let coordinator = Coordinator::start();
    let _agent = Agent::start(&coordinator, "");
    wait_until("it is registered", || coordinator.book().registered.len() == 1);
    coordinator.forget_workers();
    wait_until("it is registered again", || {
        coordinator.book().registered.len() == 2
    });
    coordinator.assign("one", 1, &world.url(), &measurement());
    wait_until("it works", || coordinator.book().completed.len() == 1);
    assert_eq!(coordinator.book().completed[0].worker, "w2");
}

#[test]
fn a_coordinator_of_another_release_is_told_of_and_the_worker_ends() {
    let coordinator = Coordinator::start();
    coordinator.book().protocol = Some(imgcalc_proto::PROTOCOL + 1);
    let (status, log) = Agent::start(&coordinator, "").end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(
        log.contains("error: the coordinator refuses: ") && log.contains("use one release"),
        "{log}"
    );
}

#[test]
fn addresses_that_cannot_be_are_refused_at_once() {
    for address in ["nonsense", "host:port", "host:99999", "ho st:1"] {
        let output = Command::new(PROGRAM)
            .args(["--coordinators", address, "--threads", "1"])
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{log}");
        assert!(log.contains("error: ") && log.contains(address), "{log}");
    }
}
