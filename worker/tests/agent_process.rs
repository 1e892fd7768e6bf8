//! The agent as a process: attempts, and the ways they and it end.

mod agent_support;

use agent_support::agent::{Agent, ENDLESS, outcome, wait_for_training};
use agent_support::coordinator::Coordinator;
use agent_support::{World, is_alive, measurement, signal, wait_until};
use imgcalc_shared::task::Task;
use rustix::process::Signal;

/// Has a training done in a build of its own; whether its last epoch is told of before its outcome.
fn is_told_of_to_the_end(world: &World, coordinator: &Coordinator, token: u64) -> bool {
    let epochs = 19 + token as u32;
    let task = world.training(epochs);
    coordinator.assign(&token.to_string(), token, &world.url(), &task);
    wait_until("it is completed", || {
        coordinator.book().completed.len() as u64 == token
    });
    let book = coordinator.book();
    let completed = book.completed.last().unwrap();
    assert_eq!(
        (completed.token, &completed.task),
        (token, &task.id().to_string())
    );
    assert!(task.accepts(&outcome(&completed.outcome_json)));
    let account = completed.account.unwrap();
    assert!(account.requests > 0 && account.bytes_moved >= account.bytes_asked && account.bytes_cached == 0);
    let mut updates = book.updates.iter().filter(|update| update.token == token);
    assert!(updates.clone().is_sorted_by_key(|update| update.epoch));
    updates.next_back().is_some_and(|last| {
        (last.epoch, last.epochs) == (epochs, epochs)
            && (0.0..=1.0).contains(&last.accuracy)
            && last.bytes_read > 0
            && last.account == completed.account
    })
}

#[test]
fn a_training_is_reported_and_completed_and_the_runner_stays_for_the_build_only() {
    let world = World::new();
    let coordinator = Coordinator::start();
    let agent = Agent::start(&coordinator, "");
    // The last update has a second to leave: of a machine that stands still for so long it is not expected.
    let build = (1..=5)
        .find(|&token| is_told_of_to_the_end(&world, &coordinator, token))
        .map(|token| token.to_string())
        .expect("the last epoch of one training is told of");
    let runner = agent.runner();
    let completed = coordinator.book().completed.len();
    {
        let book = coordinator.book();
        let [registered] = &book.registered[..] else {
            panic!("{:?}", book.registered);
        };
        assert_eq!((registered.name.as_str(), registered.threads), ("tested", 1));
        assert!(registered.hardware.ends_with("-t1") && !registered.host.is_empty());
    }
    coordinator.assign(&build, 6, &world.url(), &measurement());
    wait_until("the second is completed", || {
        coordinator.book().completed.len() == completed + 1
    });
    assert_eq!(agent.runner(), runner, "the runner stays warm");
    coordinator.assign("another", 7, &world.url(), &measurement());
    wait_until("the third is completed", || {
        coordinator.book().completed.len() == completed + 2
    });
    assert_ne!(agent.runner(), runner, "another build gets another runner");
    assert!(!is_alive(runner));
    assert!(coordinator.book().failed.is_empty());
}

#[test]
fn a_killed_runner_ends_the_attempt_and_not_the_worker() {
    let world = World::new();
    let coordinator = Coordinator::start();
    coordinator.assign("one", 1, &world.url(), &world.training(ENDLESS));
    let agent = Agent::start(&coordinator, "");
    wait_for_training(&coordinator);
    signal(agent.runner(), Signal::KILL);
    wait_until("the failure is told", || !coordinator.book().failed.is_empty());
    {
        let book = coordinator.book();
        assert_eq!(book.failed[0].class, "worker_lost");
        assert!(
            book.failed[0].message.contains("signal: 9"),
            "{}",
            book.failed[0].message
        );
    }
    coordinator.assign("one", 2, &world.url(), &world.training(2));
    wait_until("the next is completed", || {
        !coordinator.book().completed.is_empty()
    });
    assert_eq!(coordinator.book().registered.len(), 1);
}

#[test]
fn a_failed_task_is_told_with_its_class() {
    let world = World::new();
    let coordinator = Coordinator::start();
    let mut task = world.training(1);
    let Task::Train { hyper, .. } = &mut task else {
        unreachable!()
    };
    hyper.learning_rate = 1e30;
    coordinator.assign("one", 1, &world.url(), &task);
    let _agent = Agent::start(&coordinator, "");
    wait_until("the failure is told", || !coordinator.book().failed.is_empty());
    let book = coordinator.book();
    assert_eq!(book.failed[0].class, "numeric", "{}", book.failed[0].message);
}

#[test]
fn sigterm_hands_the_attempt_back_and_ends_well() {
    let world = World::new();
    let coordinator = Coordinator::start();
    coordinator.assign("one", 1, &world.url(), &world.training(ENDLESS));
    let agent = Agent::start(&coordinator, "");
    wait_for_training(&coordinator);
    let runner = agent.runner();
    signal(agent.pid(), Signal::TERM);
    let (status, log) = agent.end();
    assert!(status.success(), "{log}");
    assert!(!is_alive(runner));
    let book = coordinator.book();
    assert_eq!(
        (book.failed.len(), book.failed[0].class.as_str()),
        (1, "preempted")
    );
}

#[test]
fn the_end_of_stdin_ends_agent_and_runner() {
    let world = World::new();
    let coordinator = Coordinator::start();
    coordinator.assign("one", 1, &world.url(), &world.training(ENDLESS));
    let mut agent = Agent::start(&coordinator, "");
    wait_for_training(&coordinator);
    let runner = agent.runner();
    agent.stdin = None;
    assert!(agent.end().0.success());
    wait_until("the runner is gone", || !is_alive(runner));
}

#[test]
fn a_killed_agent_leaves_no_runner() {
    let world = World::new();
    let coordinator = Coordinator::start();
    coordinator.assign("one", 1, &world.url(), &world.training(ENDLESS));
    let mut agent = Agent::start(&coordinator, "");
    wait_for_training(&coordinator);
    let runner = agent.runner();
    agent.process.child.kill().unwrap();
    wait_until("the runner is gone", || !is_alive(runner));
}

#[test]
fn a_runner_that_hangs_is_killed_when_it_does_not_stop() {
    let world = World::new();
    let coordinator = Coordinator::start();
    coordinator.assign("one", 1, &world.url(), &world.training(ENDLESS));
    let agent = Agent::start(&coordinator, "");
    wait_for_training(&coordinator);
    let runner = agent.runner();
    signal(runner, Signal::STOP);
    coordinator.book().stop = Some("not wanted".into());
    wait_until("the attempt ends", || !coordinator.book().failed.is_empty());
    let book = coordinator.book();
    assert_eq!(book.failed[0].class, "preempted");
    assert!(
        book.failed[0].message.contains("is killed"),
        "{}",
        book.failed[0].message
    );
    assert!(!is_alive(runner));
}
