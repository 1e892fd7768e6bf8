//! The agent as a process among several coordinators, of which one leads and serves.

mod agent_support;

use agent_support::agent::{Agent, ENDLESS, wait_for_training};
use agent_support::coordinator::{Coordinator, elect, wait_until_missed};
use agent_support::held::Held;
use agent_support::{World, measurement, wait_until};

fn group() -> Vec<Coordinator> {
    let group: Vec<Coordinator> = (0..3).map(|_| Coordinator::start()).collect();
    elect(&group, Some(2));
    group
}

#[test]
fn a_worker_finds_the_leader_from_any_coordinator() {
    let world = World::new();
    let group = group();
    group[2].assign("one", 1, &world.url(), &measurement());
    let _agent = Agent::of(&group, "");
    wait_until("it is completed", || !group[2].book().completed.is_empty());
    assert_eq!(group[0].book().hints, 1, "one hint is enough");
    assert_eq!(group[1].book().hints, 0);
    let book = group[2].book();
    assert_eq!((book.registered.len(), book.leases), (1, 1));
    assert!(
        book.questions.iter().all(|&number| number > 0) && book.questions.is_sorted_by(|a, b| a < b),
        "{:?}",
        book.questions
    );
}

#[test]
fn a_training_goes_on_while_the_lead_moves_and_is_completed_at_the_new_leader() {
    let world = World::new();
    let group = group();
    let task = world.training(ENDLESS);
    group[2].assign("one", 7, &world.url(), &task);
    let agent = Agent::of(&group, "");
    wait_for_training(&group[2]);
    let runner = agent.runner();
    for leader in [0, 1, 2] {
        group[leader].book().updates.clear();
        group[leader].forget_workers();
        elect(&group, Some(leader));
        wait_for_training(&group[leader]);
        assert!(
            group[leader]
                .book()
                .updates
                .iter()
                .all(|update| update.token == 7)
        );
        assert_eq!(agent.runner(), runner);
    }
    assert_eq!(
        group[0].book().registered.len(),
        1,
        "the new leader did not know it"
    );
    assert!(
        group
            .iter()
            .all(|coordinator| coordinator.book().failed.is_empty())
    );
}

#[test]
fn a_result_is_kept_while_nobody_leads_and_while_nobody_is_there() {
    let world = World::new();
    let mut group = group();
    let agent = Agent::of(&group, "--checkpoint-seconds-min 0");
    let held = Held::start(&world, &group[2], &agent);
    elect(&group, None);
    group[2].go_away();
    held.let_go();
    wait_until("the training ends meanwhile", || {
        !world.weights(&held.task).is_empty()
    });
    group[0].go_away();
    group[1].go_away();
    wait_until_missed(&group, 1);
    group[1].come_back();
    group[0].come_back();
    elect(&group, Some(1));
    wait_until("it is completed", || !group[1].book().completed.is_empty());
    let book = group[1].book();
    assert_eq!((book.completed.len(), book.completed[0].token), (1, held.token));
    assert!(book.failed.is_empty());
    assert_eq!(agent.runner(), held.runner);
}
