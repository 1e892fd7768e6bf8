//! Formats by embedding in the plan: one task, a walk, and the formats of the walk as one round of the chain.

use super::super::testing::{build, run};
use super::super::{Plan, Stage};
use imgcalc_shared::build::Build;
use imgcalc_shared::embedding::{EmbeddingFacts, EmbeddingSearch};
use imgcalc_shared::format::Format;
use imgcalc_shared::task::{Input, Task};
use imgcalc_shared::training::Embedding;
use proptest::prelude::{any, prop, prop_assert_eq, proptest};
use proptest::test_runner::Config;

fn embedding(verify: bool) -> Build {
    let settings = Embedding::default();
    Build {
        embedding: Some(EmbeddingSearch { settings, verify }),
        ..build()
    }
}

fn walk(plan: &Plan) -> &EmbeddingFacts {
    plan.findings.embedding.as_ref().unwrap()
}

fn formats(facts: &EmbeddingFacts) -> Vec<Format> {
    facts.steps.iter().map(|step| step.format).collect()
}

#[test]
fn every_bucket_of_time_has_a_recommended_format_and_all_of_them_are_trained() {
    let build = embedding(true);
    let (plan, _) = run(&build, |_| 0, |_| false);
    assert!(plan.complete && plan.refused.is_none());
    assert_eq!(plan.progress(Stage::Embedding), (1, 1));
    let facts = walk(&plan);
    assert_eq!(facts.map.len(), plan.feasible.len());
    let visited: std::collections::BTreeSet<usize> = facts.steps.iter().map(|step| step.bucket).collect();
    let densest = facts.steps[0].bucket;
    assert!(
        (0..=densest).all(|bucket| visited.contains(&bucket)),
        "{visited:?}"
    );
    assert!(facts.steps.is_sorted_by(|a, b| a.time_us >= b.time_us));
    let mut trained: Vec<Format> = plan.findings.chain.iter().map(|link| link.link.format).collect();
    let mut recommended = formats(facts);
    trained.sort();
    recommended.sort();
    assert_eq!(trained, recommended);
    assert!(plan.findings.chain.iter().all(|link| link.round == 1));
    assert_eq!(plan.chain_expected, trained.len());
    let answer = plan.answer(&build);
    assert_eq!(answer.embedding.as_ref(), Some(facts));
}

#[test]
fn where_nothing_is_verified_no_format_is_trained() {
    let (plan, _) = run(&embedding(false), |_| 0, |_| false);
    assert!(plan.complete && !walk(&plan).steps.is_empty());
    let on_format = |task: &Task| {
        matches!(
            task,
            Task::Train {
                input: Input::Format(_),
                ..
            }
        )
    };
    assert!(!plan.tasks.iter().any(|planned| on_format(&planned.task)));
}

#[test]
fn a_search_follows_on_the_format_that_the_walk_recommends() {
    let searching = super::trials::searching(imgcalc_shared::search::Algorithm::Random {}, None);
    for verify in [false, true] {
        let build = Build {
            embedding: embedding(verify).embedding,
            ..searching.clone()
        };
        let (plan, _) = run(&build, |_| 0, |_| false);
        assert!(plan.complete);
        let format = plan.findings.hyper.as_ref().unwrap().facts.format;
        assert!(formats(walk(&plan)).contains(&format), "{format}");
    }
}

#[test]
fn an_embedding_that_fails_for_good_ends_the_build_and_is_named() {
    let (plan, _) = run(&embedding(true), |_| 0, |task| matches!(task, Task::Embed { .. }));
    assert!(plan.complete && plan.findings.embedding.is_none());
    assert_eq!(plan.findings.missing, ["the embedding of formats"]);
}

proptest! {
    #![proptest_config(Config::with_cases(8))]

    #[test]
    fn the_order_of_results_changes_nothing(picks in prop::collection::vec(any::<u16>(), 100)) {
        let build = embedding(true);
        let mut at = 0;
        let (expected, results) = run(&build, |_| 0, |_| false);
        let (found, others) = run(&build, |_| { at += 1; picks[at % picks.len()].into() }, |_| false);
        prop_assert_eq!(results, others);
        prop_assert_eq!(expected, found);
    }
}
