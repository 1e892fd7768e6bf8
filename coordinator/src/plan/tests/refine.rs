//! Refinements: rounds after the chain's, that change nothing of what was there.

use super::super::testing::{build, run};
use super::super::{Known, Plan, Stage, plan};
use imgcalc_shared::build::{Amendment, Build};
use imgcalc_shared::chain::Strategy;
use imgcalc_shared::explore::Answer;
use imgcalc_shared::format::Format;
use imgcalc_shared::task::{Input, Task};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// A bucket that the small build samples: an end.
const SAMPLED: u16 = 0;

/// The first that it does not.
fn unsampled() -> u16 {
    let (_, answer) = done(&build());
    let at = answer.buckets.iter().position(|bucket| bucket.round.is_none());
    at.unwrap() as u16
}

fn refined(asked: &[(u16, Option<u16>)]) -> Build {
    let mut build = build();
    for &(bucket, formats) in asked {
        assert!(build.amend(&Amendment::Refine { bucket, formats }));
    }
    build
}

fn done(build: &Build) -> (Plan, Answer) {
    let (plan, _) = run(build, |_| 0, |_| false);
    assert!(plan.complete && plan.refused.is_none());
    let answer = plan.answer(build);
    (plan, answer)
}

/// Rounds with the formats trained in them.
fn rounds(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    let last = plan
        .findings
        .chain
        .iter()
        .map(|link| link.round)
        .max()
        .unwrap_or(0);
    for round in 1..=last {
        let links = plan.findings.chain.iter().filter(|link| link.round == round);
        let formats: Vec<String> = links.map(|link| link.link.format.to_string()).collect();
        lines.push(format!("{round}: {}", formats.join(" ")));
    }
    lines
}

#[test]
fn a_refinement_is_a_round_after_the_chains_and_its_bucket_is_measured_then() {
    let unsampled = unsampled();
    let (plain, before) = done(&build());
    let facts = &before.buckets[usize::from(unsampled)];
    assert_eq!(
        (facts.round, facts.trained, facts.best_measured),
        (None, 0, None),
        "not sampled"
    );

    let build = refined(&[(unsampled, None)]);
    assert_eq!(build.id(), super::build().id());
    let (plan, answer) = done(&build);
    let (old, new) = (rounds(&plain), rounds(&plan));
    assert_eq!(new[..old.len()], old[..], "what was there is as it was");
    assert_eq!(new.len(), old.len() + 1);
    let mut inside = plan
        .findings
        .buckets
        .as_ref()
        .unwrap()
        .formats(usize::from(unsampled))
        .to_vec();
    inside.sort_by(|a, b| a.density_order(*b));
    let inside: Vec<String> = inside.iter().map(Format::to_string).collect();
    assert_eq!(
        new[old.len()],
        format!("5: {}", inside.join(" ")),
        "all of it, densest first"
    );
    let facts = &answer.buckets[usize::from(unsampled)];
    assert_eq!(
        (facts.round, facts.refined, facts.trained),
        (Some(5), Some(5), facts.formats)
    );
    assert!(facts.best_measured.is_some());
    let inside = answer.candidates.iter();
    let mut inside = inside.filter(|candidate| candidate.bucket == usize::from(unsampled));
    assert!(inside.all(|candidate| candidate.measured));
    // The performance model learns from it.
    let predicted = |answer: &Answer| -> Vec<_> {
        let unmeasured = answer.candidates.iter().filter(|candidate| !candidate.measured);
        unmeasured
            .map(|candidate| (candidate.format, candidate.accuracy))
            .collect()
    };
    assert_ne!(predicted(&answer), predicted(&before));
    assert_eq!(plan.chain_expected, 15 + facts.formats);
    assert_eq!(
        plan.progress(Stage::Chain),
        (15 + facts.formats, 15 + facts.formats)
    );
}

#[test]
fn so_many_formats_are_those_trained_before_and_more_spread_over_what_is_left() {
    let unsampled = unsampled();
    let trained = |asked: &[(u16, Option<u16>)], bucket: u16| -> BTreeSet<Format> {
        let build = refined(asked);
        let (plan, _) = done(&build);
        let buckets = plan.findings.buckets.as_ref().unwrap();
        let links = plan.findings.chain.iter().map(|link| link.link.format);
        links
            .filter(|format| buckets.formats(usize::from(bucket)).contains(format))
            .collect()
    };
    let sampled = trained(&[], SAMPLED);
    assert_eq!(sampled.len(), 3);
    assert_eq!(
        trained(&[(SAMPLED, Some(2))], SAMPLED),
        sampled,
        "there are as many already"
    );
    let four = trained(&[(SAMPLED, Some(4))], SAMPLED);
    assert!(four.len() == 4 && four.is_superset(&sampled));
    let all = trained(&[(SAMPLED, Some(4)), (SAMPLED, Some(999))], SAMPLED);
    assert_eq!(all.len(), 6);
    assert_eq!(trained(&[(SAMPLED, Some(4)), (SAMPLED, None)], SAMPLED), all);
    assert_eq!(trained(&[(unsampled, Some(1))], unsampled).len(), 1);
}

#[test]
fn what_is_expected_holds_refinements_before_their_round_is_decided() {
    let unsampled = unsampled();
    let build = refined(&[(unsampled, None), (unsampled + 1, Some(2))]);
    let (end, mut known) = run(&build, |_| 0, |_| false);
    let profiles = end.tasks.iter().filter(|planned| planned.task.is_profile());
    let profiles: BTreeSet<_> = profiles.map(|planned| planned.id).collect();
    known.retain(|id, _| profiles.contains(id));
    let first = plan(
        &build,
        Known {
            results: &known,
            quarantined: &BTreeSet::new(),
            order: &BTreeMap::new(),
        },
    );
    assert!(!first.complete && first.findings.refined.is_empty());
    assert_eq!(first.chain_expected, 15 + 6 + 2);
}

#[test]
fn only_the_builds_own_strategy_refines_and_strategies_are_compared_without_it() {
    let unsampled = unsampled();
    let compared = Build {
        compared: vec![Strategy::Scratch],
        ..build()
    };
    let mut more = compared.clone();
    assert!(more.amend(&Amendment::Refine {
        bucket: unsampled,
        formats: None
    }));
    let ((plain, before), (plan, after)) = (done(&compared), done(&more));
    assert_eq!(plan.progress(Stage::Compared), plain.progress(Stage::Compared));
    assert_eq!(plan.progress(Stage::Chain).0, plain.progress(Stage::Chain).0 + 6);
    assert_eq!(after.strategies, before.strategies);
}

#[test]
fn a_bucket_that_the_profile_leaves_no_formats_for_is_nothing_to_refine() {
    let mut build = Build {
        buckets: 200,
        buckets_sampled: 2,
        ..build()
    };
    assert!(build.amend(&Amendment::Refine {
        bucket: 199,
        formats: None
    }));
    let (plan, _) = done(&build);
    assert!(plan.findings.refined.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn refined_builds_end_the_same_in_any_order_and_whatever_fails(
        order in prop::collection::vec(0..64usize, 64),
        asked in prop::collection::vec((0..16u16, prop::option::of(1..8u16)), 0..3),
        doomed in any::<u64>(),
    ) {
        let mut build = build();
        for (bucket, formats) in asked {
            build.amend(&Amendment::Refine { bucket, formats });
        }
        let mut next = order.iter().cycle();
        let (expected, expected_results) = run(&build, |_| 0, |_| false);
        let (found, results) = run(&build, |_| *next.next().unwrap(), |_| false);
        prop_assert_eq!(expected_results, results);
        prop_assert_eq!(expected, found);

        let on_format = |task: &Task| matches!(task, Task::Train { input: Input::Format(_), .. });
        let fails = |task: &Task| {
            on_format(task) && (doomed >> (u64::from(task.id().to_string().as_bytes()[5]) % 64)) & 1 == 1
        };
        let (failed, _) = run(&build, |_| 0, fails);
        prop_assert!(failed.complete);
        // No format is given to two rounds.
        let formats: Vec<Format> = failed.findings.chain.iter().map(|link| link.link.format).collect();
        prop_assert_eq!(formats.iter().collect::<BTreeSet<_>>().len(), formats.len());
    }
}
