//! Searches over hyper-parameters and formats by embedding, as people run them: to the end, through kills, with more budget.

use imgcalc_tests::answers::{list, number, text};
use imgcalc_tests::sandbox::Sandbox;
use imgcalc_tests::spec::Spec;
use imgcalc_tests::twice;
use serde_json::{Value, json};
use toml::Table;

fn table(text: &str) -> Table {
    text.parse().expect("a table of a spec")
}

/// A search of many short trials on one format, by one worker: what it comes to depends on nothing but the spec.
fn searching(algorithm: &str, trainings: u32) -> Spec {
    let search = format!(
        "algorithm = {{ {algorithm} }}\nepochs = {{ min = 1, max = 9 }}\nbudget = {{ trainings = {trainings} }}\nparallel = 3\n\
         [parameters]\nlearning_rate = {{ log = [1e-3, 0.3] }}\nmomentum = {{ linear = [0.5, 0.95] }}\n\
         \"augment.horizontal_flip\" = {{ choice = [0.0, 0.5] }}"
    );
    Spec::least()
        .with("training.epochs", 9)
        .with("training.train_images", 64)
        .with("training.validation_images", 32)
        .with("workers.count", 1)
        .with("search.hyper", table(&search))
}

/// A search without what may differ: how long it took, and under which attempts weights lie.
fn search(status: &Value) -> Value {
    let mut search = status["search"].clone();
    for took in ["seconds", "wall_seconds", "device_seconds"] {
        assert!(search[took].take().is_number(), "{status}");
    }
    assert!(search["best"]["weights"].take().is_string(), "{status}");
    search
}

#[test]
fn a_search_is_shown_explained_drawn_and_goes_on_with_more_budget() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", 160);
    let spec = sandbox.spec("spec.toml", &searching("name = \"asha\", eta = 3", 6));
    let plan = sandbox.imgcalc(&["plan", &spec, "--json"]).json();
    assert!(
        plan["trials"] == 6 && number(&plan, "trials_epochs") > 6.0,
        "{plan}"
    );
    let answer = sandbox
        .built("data", &spec, &["--json", "--report", "report.html"])
        .json();
    assert_eq!(answer["missing"], json!([]));
    let first = twice::done(&sandbox, "data");
    let trials = list(&first["search"]["trials"]);
    assert_eq!(trials.len(), 6);
    assert_eq!(answer["best_trial"]["trial"], first["search"]["best"]["trial"]);
    let promoted = |trial: &&Value| number(trial, "epochs") > 1.0;
    let best = trials.iter().find(promoted).expect("one in three goes on");
    let number_of_best = best["trial"].to_string();
    assert_eq!(list(&best["curve"]).len() as f64, number(best, "epochs"));

    let shown = sandbox.ask("data", &["status"]).ok().stdout;
    assert!(
        shown.contains("ASHA on 1x1-b8-k") && shown.contains("rungs: 6 at epoch 1"),
        "{shown}"
    );
    let said = sandbox
        .ask("data", &["explain", "tiny", &number_of_best])
        .ok()
        .stdout;
    for part in [
        "start trial",
        "drawn at random",
        "comes to epoch 1",
        "promote trial",
        "of which",
        "now rank",
    ] {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
    let whole = sandbox.ask("data", &["explain", "tiny"]).ok().stdout;
    assert!(whole.lines().count() > said.lines().count(), "{whole}");
    let refusal = sandbox.ask("data", &["explain", "tiny", "99"]).refused();
    assert!(refusal.contains("numbered from 0 to 5"), "{refusal}");
    let html = std::fs::read_to_string(sandbox.path("report.html")).expect("a report");
    assert!(html.contains("Trials over budget") && html.contains("What the good trials share"));

    let refusal = sandbox
        .ask("data", &["extend", "tiny", "--epochs", "90"])
        .refused();
    assert!(refusal.contains("no limit of epochs"), "{refusal}");
    sandbox.ask("data", &["extend", "tiny", "--trainings", "9"]).ok();
    let more = twice::done(&sandbox, "data");
    assert_eq!(more["build"], first["build"]);
    let after = list(&more["search"]["trials"]);
    assert_eq!(after.len(), 9);
    for (before, after) in trials.iter().zip(&after) {
        assert_eq!(before["point"], after["point"]);
        assert!(number(after, "epochs") >= number(before, "epochs"));
    }
}

#[test]
fn a_population_takes_over_weights_and_says_so() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", 160);
    let spec = searching("name = \"pbt\", population = 5, interval = 3", 5);
    let spec = sandbox.spec("spec.toml", &spec);
    assert_eq!(
        sandbox.built("data", &spec, &["--json"]).json()["missing"],
        json!([])
    );
    let done = twice::done(&sandbox, "data");
    let trials = list(&done["search"]["trials"]);
    assert!(
        trials.iter().all(|trial| number(trial, "epochs") == 9.0),
        "{done}"
    );
    let copied = trials.iter().find(|trial| !list(&trial["copied"]).is_empty());
    let copied = copied.expect("a fifth of the population takes over weights");
    let said = sandbox
        .ask("data", &["explain", "tiny", &copied["trial"].to_string()])
        .ok()
        .stdout;
    assert!(
        said.contains("copy trial") && said.contains("it takes over the weights of rank"),
        "{said}"
    );
}

#[test]
fn a_search_ends_alike_whatever_is_killed() {
    twice::assert_kills_change_nothing(
        &searching("name = \"bohb\", eta = 3, halving = \"asha\"", 14),
        search,
    );
}

fn embedding() -> Spec {
    let settings =
        "steps = 12\nbatch_size = 16\nimages = 64\nprobes = 16\nwidth = 4\ncode = 8\ndimensions = 8";
    Spec::tiny()
        .with("method", "embedding")
        .with("embedding", table(settings))
        .with("training.train_images", 64)
        .with("training.validation_images", 32)
        .with("training.test_images", 0)
        .with("workers.count", 1)
}

#[test]
fn formats_are_found_by_embedding_verified_and_explained() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", 160);
    let spec = sandbox.spec("spec.toml", &embedding());
    let answer = sandbox
        .built("data", &spec, &["--json", "--report", "report.html"])
        .json();
    assert_eq!(answer["missing"], json!([]));
    let done = twice::done(&sandbox, "data");
    let steps = list(&done["embedding"]["steps"]);
    assert_eq!(list(&done["embedding"]["map"]).len(), 16);
    assert_eq!(answer["recommended"], done["embedding"]["steps"]);
    let mut trained: Vec<String> = list(&done["chain"])
        .iter()
        .map(|link| text(link, "format").into())
        .collect();
    let mut recommended: Vec<String> = steps.iter().map(|step| text(step, "format").into()).collect();
    assert!(
        recommended.len() >= 4,
        "one for each bucket at least: {recommended:?}"
    );
    trained.sort();
    recommended.sort();
    assert_eq!(trained, recommended);
    let said = sandbox.ask("data", &["explain", "tiny"]).ok().stdout;
    assert!(
        said.contains("the densest format: the walk begins there") && said.contains("agrees most"),
        "{said}"
    );
    let html = std::fs::read_to_string(sandbox.path("report.html")).expect("a report");
    assert!(html.contains("Map of formats"));
    let shown = sandbox.ask("data", &["status"]).ok().stdout;
    assert!(shown.contains("16 formats embedded"), "{shown}");
}

#[test]
fn an_embedding_ends_alike_whatever_is_killed() {
    let spec = embedding().with("embedding.steps", 60);
    twice::assert_kills_change_nothing(&spec, |status| {
        let mut embedding = status["embedding"].clone();
        embedding["seconds"].take();
        json!([
            embedding,
            list(&status["chain"])
                .iter()
                .map(|link| link["accuracy"].clone())
                .collect::<Vec<_>>()
        ])
    });
}

#[test]
fn what_no_search_can_be_is_refused_before_any_work() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", 160);
    let asha = || searching("name = \"asha\", eta = 3", 6);
    for (spec, said) in [
        (asha().with("training.epochs", 9).with("search.hyper", table("algorithm = { name = \"asha\" }\nbudget = {}\n[parameters]\nmomentum = { linear = [0.1, 0.2] }")), "search.hyper.budget = {}: would never end"),
        (searching("name = \"asha\", eta = 3", 1), "search.hyper.budget.trainings = 1"),
        (searching("name = \"best\"", 6), "`random`"),
        (embedding().with("embedding", table("steps = 0")), "embedding.steps = 0"),
        (embedding().with("method", "chain"), "say `method = \"embedding\"`"),
    ] {
        sandbox.spec("bad.toml", &spec);
        let refusal = sandbox.ask("none", &["build", "bad.toml"]).refused();
        assert!(refusal.contains(said), "no {said:?} in\n{refusal}");
    }
    assert!(!sandbox.path("none").exists(), "nothing was begun");
}
