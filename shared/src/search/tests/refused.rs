//! What is refused before any work, and what a record cannot hold.

use super::*;

const BASE: &str = "parameters.a = { linear = [0, 1] }\nepochs = { max = 81 }\n";

fn parsed(text: &str) -> Search {
    toml::from_str(&format!("{text}\n{BASE}")).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_search_is_written_as_a_spec_is() {
    let search = parsed("algorithm = { name = \"bohb\" }\nbudget = { epochs = 2000 }\nseed = 7");
    assert_eq!(search.check(), Ok(()));
    assert_eq!(
        search.algorithm,
        Algorithm::Bohb {
            eta: 3,
            halving: Halving::Hyperband
        }
    );
    assert_eq!(
        serde_json::to_string(&search).unwrap(),
        r#"{"parameters":{"a":{"linear":[0.0,1.0]}},"algorithm":{"name":"bohb","eta":3,"halving":"hyperband"},"epochs":{"min":1,"max":81},"budget":{"epochs":2000},"seed":7}"#
    );
    for search in all() {
        assert_eq!(search.check(), Ok(()), "{:?}", search.algorithm);
        let text = toml::to_string(&search).unwrap();
        assert_eq!(toml::from_str::<Search>(&text).unwrap(), search, "{text}");
        let json = serde_json::to_string(&search).unwrap();
        assert_eq!(serde_json::from_str::<Search>(&json).unwrap(), search);
    }
}

#[test]
fn what_cannot_be_names_the_field_and_the_remedy() {
    for (text, field, remedy) in [
        (
            "algorithm = { name = \"asha\", eta = 1 }",
            "algorithm.eta = 1",
            "from 2 to 16",
        ),
        (
            "algorithm = { name = \"asha\", eta = 17 }",
            "algorithm.eta = 17",
            "from 2 to 16",
        ),
        (
            "algorithm = { name = \"grid\", steps = 0 }",
            "algorithm.steps = 0",
            "from 1",
        ),
        (
            "algorithm = { name = \"pbt\", interval = 0 }",
            "algorithm.interval = 0",
            "at least 1",
        ),
        (
            "algorithm = { name = \"pbt\", interval = 81 }",
            "algorithm.interval = 81",
            "below epochs.max, which is 81",
        ),
        (
            "algorithm = { name = \"pbt\", interval = 1, population = 4 }",
            "algorithm.population = 4",
            "from 5",
        ),
        (
            "algorithm = { name = \"random\" }\nbudget = { epochs = 80 }",
            "budget.epochs = 80",
            "raise it to 81",
        ),
        (
            "algorithm = { name = \"pbt\", interval = 5 }\nbudget = { epochs = 99 }",
            "budget.epochs = 99",
            "raise it to 100",
        ),
        (
            "algorithm = { name = \"random\" }\nbudget = { trainings = 0 }",
            "budget.trainings = 0",
            "raise it to 1",
        ),
        (
            "algorithm = { name = \"asha\" }\nbudget = { trainings = 2 }",
            "budget.trainings = 2",
            "raise it to 3",
        ),
        (
            "algorithm = { name = \"bohb\" }\nbudget = { trainings = 80 }",
            "budget.trainings = 80",
            "raise it to 81",
        ),
        (
            "algorithm = { name = \"pbt\", interval = 1 }\nbudget = { trainings = 19 }",
            "budget.trainings = 19",
            "to 20",
        ),
    ] {
        let error = parsed(text).check().unwrap_err().to_string();
        assert!(
            error.starts_with(field) && error.contains(remedy),
            "{text}: {error}"
        );
    }
    let of = |min, max, algorithm| {
        let search = Search {
            epochs: Epochs { min, max },
            ..search(SPACE, algorithm, 1, 1)
        };
        search.check().unwrap_err().to_string()
    };
    assert!(of(0, 9, Algorithm::Random {}).starts_with("epochs.min = 0"));
    assert!(of(10, 9, Algorithm::Random {}).contains("epochs.max, which is 9"));
    assert!(of(1, 0, Algorithm::Random {}).starts_with("epochs.max = 0"));
    assert!(of(4, 9, Algorithm::Asha { eta: 3 }).contains("lower epochs.min to 3"));
    assert!(of(1, 2, Algorithm::Asha { eta: 3 }).contains("raise it to 3"));
    assert!(of(1, 9, Algorithm::Grid { steps: 500 }).contains("use fewer steps"));
    let refused = search(SPACE, Algorithm::Asha { eta: 0 }, 1, 9);
    assert!(refused.decide(&History::default(), 4).is_empty());
}

#[test]
fn unknown_algorithms_and_keys_name_those_there_are() {
    for (text, said) in [
        ("algorithm = { name = \"tpe\" }", "`bohb`"),
        ("algorithm = { name = \"random\", eta = 3 }", "eta"),
        ("algorithm = { name = \"pbt\" }", "interval"),
        ("algorithm = { name = \"bohb\", halving = \"median\" }", "`asha`"),
        (
            "algorithm = { name = \"random\" }\nbudget = { hours = 3 }",
            "trainings",
        ),
    ] {
        let error = toml::from_str::<Search>(&format!("{text}\n{BASE}"))
            .unwrap_err()
            .to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn a_record_that_cannot_be_says_why() {
    let search = search(SPACE, Algorithm::Asha { eta: 3 }, 1, 9);
    let mut history = History::default();
    let start = Event::Decided(search.decide(&history, 1).remove(0).decision);
    history.push(&start).unwrap();
    let point = history.trial(TrialId(0)).unwrap().point().clone();
    let promote = Event::Decided(Decision::Promote {
        trial: TrialId(0),
        until: 3,
    });
    let copy = |at| Decision::Copy {
        from: TrialId(0),
        at,
        to: TrialId(0),
        point: point.clone(),
        until: 9,
    };
    let refused = |history: &History, event: &Event| history.clone().push(event).unwrap_err().to_string();
    assert_eq!(
        refused(&history, &start),
        "trial 0 cannot start: the next trial is trial 1"
    );
    assert!(
        refused(&history, &promote).contains("is at epoch 0 of 1"),
        "none is promoted without results"
    );
    assert!(refused(&history, &reported(0, 2, 0.5)).contains("does not allow for epoch 2"));
    assert!(refused(&history, &reported(0, 0, 0.5)).contains("does not allow for epoch 0"));
    assert!(refused(&history, &reported(1, 1, 0.5)).contains("trial 1 was never started"));
    assert!(refused(&history, &reported(0, 1, f64::NAN)).contains("no finite number"));
    assert!(refused(&history, &Event::Decided(copy(1))).contains("no checkpoint of epoch 1"));
    history.push(&reported(0, 1, 0.5)).unwrap();
    assert!(
        refused(&history, &reported(0, 1, 0.6)).contains("does not allow for epoch 1"),
        "none counts twice"
    );
    assert!(history.clone().push(&promote).is_ok());
    history
        .push(&Event::Decided(Decision::Stop { trial: TrialId(0) }))
        .unwrap();
    assert_eq!(refused(&history, &promote), "trial 0 has ended");
    assert_eq!(
        refused(&history, &Event::Failed { trial: TrialId(0) }),
        "trial 0 has ended"
    );
}
