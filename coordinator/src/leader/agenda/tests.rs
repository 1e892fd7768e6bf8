use super::Agenda;
use crate::plan::testing::{build, outcome};
use crate::plan::{Known, Over, Plan, Standing, plan};
use crate::simulation::dice::Dice;
use crate::view::counts;
use imgcalc_shared::build::Build;
use imgcalc_shared::chain::Strategy;
use imgcalc_shared::task::{Outcome, TaskId};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

#[derive(Default)]
struct Results {
    results: BTreeMap<TaskId, Outcome>,
    quarantined: BTreeSet<TaskId>,
    order: BTreeMap<TaskId, Over>,
}

impl Results {
    fn plan(&self, build: &Build) -> Plan {
        let known = Known {
            results: &self.results,
            quarantined: &self.quarantined,
            order: &self.order,
        };
        plan(build, known)
    }
}

#[test]
fn patched_by_results_in_any_order_it_says_what_a_plan_derived_anew_says() {
    patch(&build(), 0..40);
}

#[test]
fn so_it_does_where_strategies_are_compared_and_the_batch_is_chosen() {
    let mut build = build();
    build.compared = Strategy::ALL[1..].to_vec();
    patch(&build, 0..12);
    (build.scratch.batch_auto, build.transfer.batch_auto) = (true, true);
    for strategy in Strategy::ALL {
        build.compared.clear();
        build.strategy = strategy;
        patch(&build, 0..4);
        build.compared = vec![Strategy::ALL[(strategy as usize + 1) % 5]];
        patch(&build, 4..8);
    }
}

fn patch(build: &Build, seeds: Range<u64>) {
    for seed in seeds {
        let mut dice = Dice::new(seed);
        let mut known = Results::default();
        let mut agenda = Agenda::of(known.plan(build), |_| true);
        let (mut patched, mut anew) = (0, 0);
        loop {
            let ready: Vec<(TaskId, Outcome)> = agenda
                .ready()
                .into_iter()
                .flatten()
                .map(|planned| (planned.id, outcome(&planned.task)))
                .collect();
            if ready.is_empty() {
                break;
            }
            let (task, result) = ready[dice.below(ready.len() as u64) as usize].clone();
            let given_up = dice.below(20) == 0;
            known.order.insert(task, (known.order.len() as u64).into());
            let stale = if given_up {
                known.quarantined.insert(task);
                true
            } else {
                known.results.insert(task, result);
                agenda.commit(&task)
            };
            let made = known.plan(build);
            if stale {
                anew += 1;
                agenda = Agenda::of(made, |_| true);
                continue;
            }
            patched += 1;
            let standings = made.tasks.iter().map(|planned| (planned.id, planned.standing));
            assert!(agenda.standings().eq(standings), "seed {seed}");
            assert_eq!(agenda.counts(), counts(&made), "seed {seed}");
        }
        assert!(
            known.plan(build).complete,
            "seed {seed}: nothing is ready and nothing done"
        );
        assert!(
            patched > anew,
            "seed {seed}: {patched} patched, {anew} derived anew"
        );
    }
}

#[test]
fn a_task_is_ready_while_nobody_is_at_it_and_the_longest_path_goes_first() {
    let known = Results::default();
    let mut agenda = Agenda::of(known.plan(&build()), |_| true);
    let ready = |agenda: &Agenda| -> Vec<(TaskId, f64)> {
        let [profiles, _] = agenda.ready();
        profiles.map(|planned| (planned.id, planned.path)).collect()
    };
    let before = ready(&agenda);
    assert!(before.is_sorted_by(|(_, a), (_, b)| a >= b), "{before:?}");
    let (task, _) = before[0];
    agenda.take(&task);
    assert!(ready(&agenda).iter().all(|(other, _)| *other != task));
    agenda.give_back(&task);
    assert_eq!(ready(&agenda), before);
    // Of a task that has ended nothing is given back.
    assert!(!agenda.commit(&task));
    agenda.give_back(&task);
    assert_eq!(ready(&agenda), before[1..]);
    assert!(
        agenda
            .standings()
            .any(|(other, standing)| other == task && standing == Standing::Done)
    );
}

#[test]
fn a_late_result_of_a_task_that_was_given_up_makes_it_stale() {
    let build = build();
    let mut known = Results::default();
    let first = known.plan(&build).tasks[0].id;
    known.quarantined.insert(first);
    let mut agenda = Agenda::of(known.plan(&build), |_| true);
    assert!(agenda.wants(&first));
    assert!(agenda.commit(&first));
}
