//! Random problems and random streams of tasks against the rules of placement.

use super::{family, id, profile, training, worker};
use crate::placement::{Busy, Last, Place, Problem, Ready, Share, place};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Whether a task may ever go to a place; the tests name no failed pairs.
fn fits(given: &Problem, task: usize, at: usize) -> bool {
    let (ready, place) = (&given.tasks[task], &given.places[at]);
    !place.closed
        && ready
            .hardware
            .as_ref()
            .is_none_or(|class| **class == *place.hardware)
        && place.base.as_ref().is_none_or(|base| *base == ready.base)
        && !given.excluded.contains(&(task, at))
}

/// Panics if a placement breaks a rule that holds for any problem.
fn check(given: &Problem, found: &[(usize, usize)]) {
    let tasks: BTreeMap<usize, usize> = found.iter().copied().collect();
    let places: BTreeMap<usize, usize> = found.iter().map(|(task, at)| (*at, *task)).collect();
    assert_eq!(tasks.len(), found.len(), "a task is given once");
    assert_eq!(places.len(), found.len(), "a place gets one task");
    let at = |host: &str, wanted: Option<bool>| {
        let on_host = (0..given.places.len()).filter(|at| *given.places[*at].host == *host);
        let what = on_host.filter_map(|at| match (given.places[at].busy, places.get(&at)) {
            (Some(busy), _) => Some(busy == Busy::Profile),
            (None, task) => task.map(|task| given.tasks[*task].exclusive),
        });
        what.filter(|profile| wanted.is_none_or(|wanted| wanted == *profile))
            .count()
    };
    for (&task, &place) in &tasks {
        assert!(fits(given, task, place) && given.places[place].waiting);
    }
    for host in given.places.iter().map(|place| &place.host) {
        let profiles = at(host, Some(true));
        assert!(
            profiles == 0 || at(host, None) == 1,
            "a profile is alone on {host}"
        );
    }
    // No worker idles while a task fits it, apart from the hosts of profiles.
    let priority = |task: usize| given.builds[given.tasks[task].build].priority;
    let left: Vec<usize> = (0..given.tasks.len())
        .filter(|task| !tasks.contains_key(task))
        .collect();
    for idle in (0..given.places.len()).filter(|at| !places.contains_key(at)) {
        let place = &given.places[idle];
        if !place.waiting || place.busy.is_some() || at(&place.host, Some(true)) > 0 {
            continue;
        }
        for &task in left.iter().filter(|task| fits(given, **task, idle)) {
            let kept = left.iter().any(|other| {
                let on_host = |at: usize| given.places[at].host == place.host && fits(given, *other, at);
                given.tasks[*other].exclusive
                    && priority(*other) >= priority(task)
                    && (0..given.places.len()).any(on_host)
            });
            let host_is_busy = at(&place.host, None) > 0;
            let excused = if given.tasks[task].exclusive {
                host_is_busy
            } else {
                kept
            };
            assert!(excused, "place {idle} idles beside task {task}");
        }
    }
}

fn any_problem() -> impl Strategy<Value = Problem> {
    let share = (0..3i32, 0..4usize, 0..9u64).prop_map(|(priority, held, served)| Share {
        priority,
        held,
        served,
    });
    let task = (0..4usize, 0..9u32, 0..4u8, 0..8u8).prop_map(|(build, path, kind, parent)| Ready {
        base: if kind == 1 { "c".into() } else { "b".into() },
        parent: (parent > 3).then(|| id(parent)),
        family: (parent > 1).then(|| family("1x1-b8")),
        ..match kind {
            0 => profile(build),
            _ => training(build, f64::from(path)),
        }
    });
    let place = (0..4u8, 0..9u8, 0..12u8).prop_map(|(host, state, last)| {
        let idle = Place {
            hardware: if host == 3 { "gpu".into() } else { "cpu".into() },
            base: (state == 4).then(|| "c".into()),
            closed: state == 5,
            last: (last < 8).then(|| Last {
                task: id(last),
                build: usize::from(last % 4),
                family: Some(family("1x1-b8")),
            }),
            ..worker(&host.to_string())
        };
        let busy = |what| Place {
            waiting: false,
            busy: Some(what),
            ..idle.clone()
        };
        match (state, host) {
            (0 | 1, _) => busy(Busy::Work),
            // One worker on this host: it may measure.
            (2, 2) => Place {
                host: (last.to_string() + "alone").into(),
                ..busy(Busy::Profile)
            },
            _ => idle,
        }
    });
    let excluded = prop::collection::btree_set((0..30usize, 0..12usize), 0..20);
    (
        prop::collection::vec(share, 4),
        prop::collection::vec(task, 0..30),
        prop::collection::vec(place, 0..12),
        excluded,
    )
        .prop_map(|(builds, tasks, places, excluded)| {
            // Two workers that measure on one host cannot be.
            let mut measuring = BTreeSet::new();
            let alone =
                |place: &Place| place.busy != Some(Busy::Profile) || measuring.insert(place.host.clone());
            Problem {
                builds,
                tasks,
                places: places.into_iter().filter(alone).collect(),
                excluded,
                ..Problem::default()
            }
        })
}

proptest! {
    #[test]
    fn any_placement_keeps_the_rules_and_is_made_the_same_again(given in any_problem()) {
        let found = place(&given);
        check(&given, &found);
        prop_assert_eq!(place(&given), found);
    }

    /// Builds of equal priority come one after another, each with profiles and trainings; every task takes a few rounds.
    #[test]
    fn whatever_arrives_every_build_is_served_and_every_task_is_done(
        arrivals in prop::collection::vec((0..20usize, 0..4usize, 1..12usize), 1..6),
        hosts in prop::collection::vec(1..4usize, 1..4),
        lengths in prop::collection::vec(1..5usize, 16),
    ) {
        let mut places: Vec<Place> = Vec::new();
        for (number, workers) in hosts.iter().enumerate() {
            places.extend(vec![worker(&number.to_string()); *workers]);
        }
        let mut shares = vec![Share::default(); arrivals.len()];
        let mut waiting: Vec<Ready> = Vec::new();
        let mut running: BTreeMap<usize, (usize, Ready)> = BTreeMap::new();
        let (mut lease, mut lengths) = (0, lengths.iter().cycle());
        let trainings_most = arrivals.iter().map(|(_, _, trainings)| *trainings).sum::<usize>();
        let profiles_most = arrivals.iter().map(|(_, profiles, _)| *profiles).sum::<usize>();
        let mut unserved = vec![0; arrivals.len()];
        for round in 0..20 + 5 * (trainings_most + 3 * profiles_most + 2) {
            for (build, (_, profiles, trainings)) in arrivals.iter().enumerate().filter(|(_, (at, ..))| *at == round) {
                waiting.extend((0..*profiles).map(|_| profile(build)));
                waiting.extend((0..*trainings).map(|number| training(build, number as f64)));
            }
            running.retain(|at, (left, task)| {
                *left -= 1;
                if *left == 0 {
                    places[*at].busy = None;
                    places[*at].waiting = true;
                    shares[task.build].held -= 1;
                }
                *left > 0
            });
            let given = Problem { builds: shares.clone(), tasks: waiting.clone(), places: places.clone(), ..Problem::default() };
            let found = place(&given);
            check(&given, &found);
            for (task, at) in &found {
                let task = &waiting[*task];
                places[*at].busy = Some(if task.exclusive { Busy::Profile } else { Busy::Work });
                places[*at].waiting = false;
                lease += 1;
                shares[task.build].held += 1;
                shares[task.build].served = lease;
                running.insert(*at, (*lengths.next().unwrap(), task.clone()));
            }
            let taken: BTreeSet<usize> = found.iter().map(|(task, _)| *task).collect();
            waiting = waiting.into_iter().enumerate().filter(|(at, _)| !taken.contains(at)).map(|(_, task)| task).collect();
            // A build that holds nothing and waits is served after each other build once, profiles in between.
            for build in 0..shares.len() {
                let waits = shares[build].held == 0 && waiting.iter().any(|task| task.build == build);
                unserved[build] = if waits { unserved[build] + 1 } else { 0 };
                prop_assert!(unserved[build] <= 4 * (arrivals.len() + 2 * profiles_most + 2), "build {build} starves");
            }
        }
        prop_assert!(waiting.is_empty() && running.is_empty(), "{} tasks are left", waiting.len());
    }
}
