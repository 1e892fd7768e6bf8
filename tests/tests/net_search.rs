//! Searches over nets, as people run them: to the end, through kills, and where no net can be found.

use imgcalc_tests::answers::{list, number, text};
use imgcalc_tests::sandbox::Sandbox;
use imgcalc_tests::spec::Spec;
use imgcalc_tests::twice;
use serde_json::{Value, json};
use toml::Table;

const FORMAT: &str = "1x1-b8-k2-q50";

/// `[search.nets]` over 26 tiny nets, on one format.
fn search(algorithm: &str, more: &str) -> String {
    format!(
        "algorithm = {{ {algorithm} }}\nformat = \"{FORMAT}\"\nbudget = {{ trainings = 4 }}\ncandidates = 8\nparallel = 2\n{more}\n\
         [space]\nnames = [\"resnet_like\", \"mobile_like\"]\nstem = 4\nstages = [1, 2]\nwidths = [4, 8]\ndepths = [1]\n\
         kernels = [3]\nexpansions = [1, 2]"
    )
}

/// A build of such a search, by one worker.
fn searching(search: &str) -> Spec {
    Spec::least()
        .with("training.epochs", 2)
        .with("training.train_images", 64)
        .with("training.validation_images", 32)
        .with("workers.count", 1)
        .with("search.nets", search.parse::<Table>().expect("a table of a spec"))
}

/// A search without what may differ: how long nets take, and under which attempts weights lie.
fn nets(status: &Value) -> Value {
    let mut nets = status["nets"].clone();
    // Of equals the faster.
    nets["best"].take();
    for took in ["wall_seconds", "device_seconds"] {
        assert!(nets[took].take().is_number(), "{status}");
    }
    for candidate in nets["candidates"].as_array_mut().expect("a list of candidates") {
        assert!(candidate["time_us"].take().is_number(), "{status}");
        candidate["weights"].take();
    }
    nets
}

#[test]
fn a_search_over_nets_is_planned_shown_explained_and_drawn() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", 160);
    let spec = searching(&search("name = \"proxies\", by = \"naswot\"", "time_us = 1e9"));
    let spec = sandbox.spec("spec.toml", &spec);
    let plan = sandbox.imgcalc(&["plan", &spec, "--json"]).json();
    let planned = ["nets_candidates", "nets_trainings", "nets_epochs"].map(|field| number(&plan, field));
    assert_eq!(planned, [8.0, 4.0, 8.0], "{plan}");
    let said = sandbox.imgcalc(&["plan", &spec]).ok().stdout;
    assert!(
        said.contains("8 candidates of 26 nets measured and looked at untrained, 4"),
        "{said}"
    );

    let built = sandbox.built("data", &spec, &["--json", "--report", "report.html"]);
    assert!(built.stderr.contains("train net "), "{}", built.stderr);
    let answer = built.json();
    assert_eq!(answer["missing"], json!([]));
    let done = twice::done(&sandbox, "data");
    let candidates = list(&done["nets"]["candidates"]);
    let trained = candidates
        .iter()
        .filter(|candidate| candidate["accuracy"].is_number());
    assert_eq!((candidates.len(), trained.count()), (8, 4));
    assert_eq!(done["tasks_done"], done["tasks_expected"]);
    let best = answer["best_net"]["net"].clone();
    assert_eq!(best, done["nets"]["best"]);
    assert_eq!(text(&answer["best_net"], "format"), FORMAT);

    let shown = sandbox.ask("data", &["status"]).ok().stdout;
    for part in [
        "most promising by naswot on 1x1-b8-k2-q50, at most 1000.00 s together, over",
        "8 of 8 candidates measured, 8 fast enough, 8 of 8 looked at untrained, 4 of 4 trained for 2 epochs",
        &format!(" of net {best} in "),
        "not chosen",
    ] {
        assert!(shown.contains(part), "no {part:?} in\n{shown}");
    }
    let whole = sandbox.ask("data", &["explain", "tiny"]).ok().stdout;
    assert!(
        whole.contains("rank 1 of 8 by naswot") && whole.contains("not chosen: 4 ("),
        "{whole}"
    );

    // What is said of the best can be put into a spec that goes on from its weights.
    let said = sandbox
        .ask("data", &["explain", "tiny", "--net", &best.to_string()])
        .ok()
        .stdout;
    for part in [
        "is trained: rank ",
        "rank 1 of 4 trained",
        "weights  ",
        "untrained: synflow ",
    ] {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
    let said_as_spec: Table = said[said.find("[net]").expect("a table")..]
        .parse()
        .expect("TOML");
    assert_eq!(json!(said_as_spec["net"]), answer["best_net"]["is"]);
    assert_eq!(
        json!(said_as_spec["training"]["start"]["task"]),
        answer["best_net"]["task"]
    );
    let left = candidates
        .iter()
        .position(|candidate| candidate["accuracy"].is_null());
    let left = left.expect("four are left out").to_string();
    let said = sandbox
        .ask("data", &["explain", "tiny", "--net", &left])
        .ok()
        .stdout;
    assert!(said.contains("the budget went to 4 others"), "{said}");
    for (arguments, refused) in [
        (&["--net", "8"][..], "numbered from 0 to 7"),
        (&["3"], "has no trials but nets: `imgcalc explain tiny-"),
    ] {
        let refusal = sandbox
            .ask("data", &[&["explain", "tiny"], arguments].concat())
            .refused();
        assert!(refusal.contains(refused), "{refusal}");
    }
    let html = std::fs::read_to_string(sandbox.path("report.html")).expect("a report");
    for part in [
        "Accuracy of nets over inference time",
        "Trained nets",
        "the net of the spec",
    ] {
        assert!(html.contains(part), "no {part:?} in the report");
    }
}

#[test]
fn where_no_net_is_fast_enough_the_build_ends_and_names_the_nearest() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", 160);
    let search = search("name = \"random\"", "time_us = 0.01")
        .replace("trainings = 4", "trainings = 2")
        .replace("candidates = 8", "candidates = 3");
    let spec = sandbox.spec("spec.toml", &searching(&search));
    let built = sandbox.built("data", &spec, &["--json", "--report", "report.html"]);
    let answer = built.json();
    let missing = answer["missing"][0]
        .as_str()
        .expect("something is missing")
        .to_string();
    assert!(
        missing.contains(&format!(
            "search.nets.time_us = 0.01: no net is so fast on {FORMAT}; the nearest, "
        )),
        "{missing}"
    );
    assert_eq!(answer["best_net"], Value::Null);
    let done = twice::done(&sandbox, "data");
    assert_eq!(
        (&done["nets"]["fit"], &done["nets"]["measured"]),
        (&json!(0), &json!(3))
    );
    let shown = sandbox.ask("data", &["status"]).ok().stdout;
    for part in [
        &format!("missing    {missing}")[..],
        "no net is fast enough",
        "too slow",
    ] {
        assert!(shown.contains(part), "no {part:?} in\n{shown}");
    }
    let said = sandbox
        .ask("data", &["explain", "tiny", "--net", "0"])
        .ok()
        .stdout;
    assert!(
        said.contains("more than the 0.01 µs of search.nets.time_us"),
        "{said}"
    );
    let html = std::fs::read_to_string(sandbox.path("report.html")).expect("a report");
    assert!(html.contains("No net has been trained yet.") && html.contains("no net is so fast"));
}

#[test]
fn a_search_over_nets_ends_alike_whatever_is_killed() {
    let search = search("name = \"predictor\"", "")
        .replace("trainings = 4", "trainings = 12")
        .replace("candidates = 8", "candidates = 14")
        .replace("parallel = 2", "parallel = 5");
    twice::assert_kills_change_nothing(&searching(&search), |status| {
        let predicted = list(&status["nets"]["candidates"])
            .iter()
            .filter(|candidate| candidate["reason"]["predicted"]["accuracy"].is_number())
            .count();
        assert_eq!(
            predicted, 2,
            "two rounds are drawn, then some are predicted: {status}"
        );
        nets(status)
    });
}

#[test]
fn what_no_search_over_nets_can_be_is_refused_before_any_work() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", 160);
    let random = "name = \"random\"";
    let with = |from: &str, to: &str| {
        let search = search(random, "");
        assert!(search.contains(from), "{from}");
        searching(&search.replace(from, to))
    };
    for (spec, said) in [
        (
            with("trainings = 4", "trainings = 0"),
            "search.nets.budget.trainings = 0: must be from 1 to",
        ),
        (
            with("candidates = 8", "candidates = 3"),
            "search.nets.candidates = 3: must be at least the 4 nets",
        ),
        (
            with("widths = [4, 8]", "widths = []"),
            "search.nets.space.widths = 0 values: name 1 to",
        ),
        (
            with("kernels = [3]", "kernels = [4]"),
            "search.nets.space.kernels = 4: a kernel must be odd",
        ),
        (
            with("stages = [1, 2]", "stages = [1, 9]"),
            "search.nets.space.stages = 9: must be from 1 to 6",
        ),
        (
            with("\"resnet_like\", \"mobile_like\"", "\"resnet_like\""),
            "add mobile_like to names",
        ),
        (
            with("\"resnet_like\", \"mobile_like\"", ""),
            "search.nets.space.names = []: name resnet_like, mobile_like",
        ),
        (with(FORMAT, "1x1-b8-k8-q50"), "search.nets.format = "),
        (searching(&search("name = \"evolution\"", "")), "`random`"),
        (
            searching(&search("name = \"proxies\", by = \"luck\"", "")),
            "`naswot`",
        ),
        (searching(&search("name = \"proxies\"", "")), "missing field `by`"),
        (
            searching(&search(random, "time_us = 0.0")),
            "search.nets.time_us = 0: must be above 0",
        ),
        (
            searching(&search(random, "epochs = 0")),
            "search.nets.epochs = 0: must be from 1 to",
        ),
    ] {
        sandbox.spec("bad.toml", &spec);
        let refusal = sandbox.ask("none", &["build", "bad.toml"]).refused();
        assert!(refusal.contains(said), "no {said:?} in\n{refusal}");
    }
    assert!(!sandbox.path("none").exists(), "nothing was begun");
}
