//! What must be equal between two builds of one spec, whatever happened to them on the way.

use crate::programs::Said;
use crate::sandbox::Sandbox;
use serde_json::Value;
use std::collections::BTreeMap;

/// The outcome of a build without what may differ: wall times, bytes that a cache spares or not, and under which attempt
/// the weights lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The chain: format, parent, round, bucket, accuracies, digest of the weights, curve.
    pub chain: Vec<Value>,
    /// Every format with its cost and accuracy.
    pub formats: Vec<Value>,
}

/// Attempts at each task, by the task's name.
pub type Attempts = BTreeMap<String, Task>;

/// A task with its attempts.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// In words.
    pub what: String,
    /// `done`, `leased`, `waiting` or `quarantined`.
    pub standing: String,
    /// Each with `token`, `worker` and `failure`.
    pub attempts: Vec<Value>,
}

impl Outcome {
    /// Of the latest build of a data directory.
    pub fn of(sandbox: &Sandbox, data_dir: &str) -> Outcome {
        Outcome::said(|arguments| sandbox.ask(data_dir, arguments))
    }

    /// Of the latest build that whoever is asked knows.
    pub fn said(ask: impl Fn(&[&str]) -> Said) -> Outcome {
        let status = ask(&["status", "--json"]).json();
        let mut chain = list(&status["chain"]);
        for link in &mut chain {
            let link = link.as_object_mut().expect("a link is an object");
            for may_differ in ["seconds", "bytes_read", "weights"] {
                assert!(link.remove(may_differ).is_some(), "a link has {may_differ}");
            }
            assert!(
                link.contains_key("weights_digest") && link.contains_key("parent"),
                "{link:?}"
            );
        }
        let formats = list(&ask(&["explore", "--all", "--json"]).json());
        Outcome { chain, formats }
    }
}

/// The attempts of the latest build of a data directory, however it is doing.
pub fn attempts(sandbox: &Sandbox, data_dir: &str) -> Attempts {
    attempts_in(&sandbox.ask(data_dir, &["status", "--json"]).json())
}

/// The attempts of a build by its `status --json`.
pub fn attempts_in(status: &Value) -> Attempts {
    let text = |value: &Value| value.as_str().expect("a text").to_string();
    let tasks = list(&status["attempts"]).into_iter().map(|task| {
        let attempts = list(&task["attempts"]);
        (
            text(&task["task"]),
            Task {
                what: text(&task["what"]),
                standing: text(&task["standing"]),
                attempts,
            },
        )
    });
    tasks.collect()
}

/// A result that was committed once has the same attempts ever after.
///
/// # Panics
/// If something was done again.
pub fn assert_never_repeated(before: &Attempts, after: &Attempts) {
    for (id, task) in before.iter().filter(|(_, task)| task.standing == "done") {
        assert_eq!(
            after.get(id),
            Some(task),
            "{} was committed and then done again",
            task.what
        );
    }
}

/// The tokens of a task's attempts.
pub fn tokens(task: &Task) -> Vec<u64> {
    task.attempts
        .iter()
        .map(|attempt| attempt["token"].as_u64().expect("a token"))
        .collect()
}

/// A JSON array.
///
/// # Panics
/// If it is none.
pub fn list(value: &Value) -> Vec<Value> {
    value
        .as_array()
        .unwrap_or_else(|| panic!("no list: {value}"))
        .clone()
}

/// A field that must be a number.
///
/// # Panics
/// If it is none.
pub fn number(value: &Value, field: &str) -> f64 {
    value[field]
        .as_f64()
        .unwrap_or_else(|| panic!("no number {field} in {value}"))
}

/// A field that must be a text.
///
/// # Panics
/// If it is none.
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text {field} in {value}"))
}

/// A line of `explore --json` says what it must, and its numbers can be.
///
/// # Panics
/// If not.
pub fn assert_candidate(candidate: &Value) {
    assert!(text(candidate, "format").contains("-b8-k"), "{candidate}");
    assert!(0.0 < number(candidate, "time_us"), "{candidate}");
    assert!(
        number(candidate, "time_us") <= number(candidate, "time_us_p95"),
        "{candidate}"
    );
    assert!(0.0 < number(candidate, "bytes"), "{candidate}");
    let [low, accuracy, high] =
        ["accuracy_low", "accuracy", "accuracy_high"].map(|name| number(candidate, name));
    assert!(
        0.0 <= low && low <= accuracy && accuracy <= high && high <= 1.0,
        "{candidate}"
    );
    assert!(candidate["measured"].is_boolean(), "{candidate}");
    let parts = ["read_us", "decode_us", "transfer_us", "execute_us"].map(|name| number(candidate, name));
    assert!(
        (parts.iter().sum::<f64>() - number(candidate, "time_us")).abs() < 1e-6,
        "{candidate}"
    );
}
