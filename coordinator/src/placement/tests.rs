//! The rules of placement, one by one; `random` holds any problem and any stream of them against all.

mod random;

use super::{Busy, Last, Place, Problem, Ready, Share, place};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::Family;
use imgcalc_shared::task::TaskId;
use std::collections::BTreeSet;

fn worker(host: &str) -> Place {
    Place {
        host: host.into(),
        hardware: "cpu".into(),
        waiting: true,
        ..Place::default()
    }
}

fn busy(host: &str, busy: Busy) -> Place {
    Place {
        waiting: false,
        busy: Some(busy),
        ..worker(host)
    }
}

fn training(build: usize, path: f64) -> Ready {
    Ready {
        build,
        path,
        exclusive: false,
        hardware: None,
        base: "b".into(),
        parent: None,
        family: None,
    }
}

fn profile(build: usize) -> Ready {
    Ready {
        exclusive: true,
        hardware: Some("cpu".into()),
        ..training(build, 100.0)
    }
}

fn problem(tasks: Vec<Ready>, places: Vec<Place>) -> Problem {
    let builds = tasks.iter().map(|task| task.build + 1).max().unwrap_or(0);
    Problem {
        builds: vec![Share::default(); builds],
        tasks,
        places,
        ..Problem::default()
    }
}

fn placed(tasks: Vec<Ready>, places: Vec<Place>) -> Vec<(usize, usize)> {
    place(&problem(tasks, places))
}

fn id(number: u8) -> TaskId {
    TaskId(Digest::of(&[number]))
}

fn family(text: &str) -> Family {
    text.parse().unwrap()
}

/// A worker that last did task `number` of build 0 on the columns of 1x1-b8.
fn after(host: &str, number: u8) -> Place {
    Place {
        last: Some(Last {
            task: id(number),
            build: 0,
            family: Some(family("1x1-b8")),
        }),
        ..worker(host)
    }
}

fn child(number: u8) -> Ready {
    Ready {
        parent: Some(id(number)),
        family: Some(family("1x1-b8")),
        ..training(0, 1.0)
    }
}

#[test]
fn a_profile_has_its_host_to_itself() {
    let found = placed(
        vec![profile(0), profile(0), training(0, 1.0)],
        vec![worker("a"), worker("a")],
    );
    assert_eq!(found, [(0, 0)]);
    let profiling = vec![busy("a", Busy::Profile), worker("a")];
    assert_eq!(placed(vec![training(0, 1.0)], profiling), []);
}

#[test]
fn every_silent_host_of_the_class_may_measure() {
    let gpu = Place {
        hardware: "gpu".into(),
        ..worker("c")
    };
    let found = placed(
        vec![profile(0), profile(0), profile(0)],
        vec![worker("a"), worker("b"), gpu],
    );
    assert_eq!(found, [(0, 0), (1, 1)]);
}

#[test]
fn a_waiting_profile_is_not_starved_by_trainings() {
    let places = vec![busy("a", Busy::Work), worker("a"), worker("b")];
    let tasks = vec![profile(0), training(0, 1.0), training(0, 1.0)];
    assert_eq!(placed(tasks, places), [(0, 2), (1, 1)]);
    let only_host = vec![busy("a", Busy::Work), worker("a")];
    assert_eq!(
        placed(vec![profile(0), training(0, 200.0), training(1, 1.0)], only_host),
        []
    );
}

#[test]
fn while_one_host_measures_the_others_are_not_kept_from_work() {
    let places = vec![busy("a", Busy::Profile), busy("b", Busy::Work), worker("b")];
    assert_eq!(placed(vec![profile(0), training(0, 1.0)], places), [(1, 2)]);
}

#[test]
fn a_profile_of_another_hardware_class_stops_nobody() {
    let task = Ready {
        hardware: Some("gpu".into()),
        ..profile(0)
    };
    assert_eq!(placed(vec![task, training(0, 1.0)], vec![worker("a")]), [(1, 0)]);
}

#[test]
fn a_profile_takes_the_host_where_the_fewest_have_to_wait() {
    let places = vec![worker("a"), worker("a"), worker("b")];
    let tasks = vec![profile(0), training(0, 1.0), training(0, 1.0)];
    assert_eq!(placed(tasks, places), [(0, 2), (1, 0), (2, 1)]);
}

#[test]
fn the_longest_path_goes_first() {
    let tasks = vec![training(0, 1.0), training(0, 9.0), training(0, 4.0)];
    assert_eq!(placed(tasks, vec![worker("a"), worker("a")]), [(1, 0), (2, 1)]);
}

#[test]
fn a_higher_priority_goes_first_and_a_lower_one_fills_what_is_left() {
    let mut given = problem(
        vec![training(0, 9.0), training(0, 9.0), training(1, 1.0)],
        vec![worker("a"), worker("a")],
    );
    given.builds[1].priority = 5;
    given.builds[1].held = 10;
    assert_eq!(place(&given), [(2, 0), (0, 1)]);
    // A profile of a lower priority does not keep a host from work of a higher one.
    given.tasks = vec![profile(0), training(1, 1.0), training(1, 1.0)];
    given.places[0] = busy("a", Busy::Work);
    assert_eq!(place(&given), [(1, 1)]);
}

#[test]
fn builds_of_one_priority_share_and_the_one_served_longest_ago_is_next() {
    let tasks: Vec<Ready> = (0..6).map(|number| training(number / 3, 1.0)).collect();
    let mut given = problem(tasks, vec![worker("a"); 4]);
    assert_eq!(place(&given), [(0, 0), (3, 1), (1, 2), (4, 3)]);
    given.builds[0].held = 3;
    assert_eq!(place(&given), [(3, 0), (4, 1), (5, 2), (0, 3)]);
    given.builds = vec![
        Share {
            served: 7,
            ..Share::default()
        },
        Share {
            served: 6,
            ..Share::default()
        },
    ];
    given.places.truncate(1);
    assert_eq!(place(&given), [(3, 0)]);
}

#[test]
fn a_training_goes_where_its_parents_weights_are() {
    let places = vec![worker("a"), after("a", 1), after("a", 2)];
    assert_eq!(placed(vec![child(2)], places.clone()), [(0, 2)]);
    // Else where the columns are, and nobody takes the worker another task would rather have.
    let other = Ready {
        family: Some(family("4x4-b8")),
        ..child(9)
    };
    assert_eq!(
        placed(vec![child(9), child(1), other], places),
        [(0, 2), (1, 1), (2, 0)]
    );
    // A runner is warm within one build only.
    let stranger = Ready { build: 1, ..child(2) };
    assert_eq!(placed(vec![stranger], vec![worker("a"), after("a", 2)]), [(0, 0)]);
}

#[test]
fn a_preferred_worker_is_waited_for_only_while_it_is_about_to_ask() {
    let away = Place {
        waiting: false,
        ..after("a", 1)
    };
    let places = vec![worker("b"), away.clone()];
    assert_eq!(placed(vec![child(1)], places), [(0, 0)]);
    let returning = Place {
        returning: true,
        ..away
    };
    let places = vec![worker("b"), returning.clone()];
    assert_eq!(placed(vec![child(1), training(0, 0.5)], places), [(1, 0)]);
    let closed = Place {
        closed: true,
        ..returning
    };
    assert_eq!(placed(vec![child(1)], vec![worker("b"), closed]), [(0, 0)]);
}

#[test]
fn closed_excluded_and_foreign_places_get_nothing() {
    let closed = Place {
        closed: true,
        ..worker("a")
    };
    let foreign = Place {
        base: Some("c".into()),
        ..worker("b")
    };
    let own = Place {
        base: Some("b".into()),
        ..worker("b")
    };
    let mut given = problem(vec![training(0, 1.0)], vec![closed, foreign, own]);
    assert_eq!(place(&given), [(0, 2)]);
    given.excluded = BTreeSet::from([(0, 2)]);
    assert_eq!(place(&given), []);
}

#[test]
fn a_task_that_failed_on_a_host_goes_to_another_if_there_is_one() {
    let mut given = problem(vec![training(0, 1.0)], vec![worker("a"), busy("b", Busy::Work)]);
    given.failed = BTreeSet::from([(0, 0)]);
    assert_eq!(place(&given), [], "the other host is worth waiting for");
    given.failed.insert((0, 1));
    assert_eq!(place(&given), [(0, 0)], "there is no better one");
    given.failed = BTreeSet::from([(0, 0)]);
    given.places[1].closed = true;
    assert_eq!(place(&given), [(0, 0)]);
}
