//! The main job, from files to an answer, as a user does it.

use imgcalc_tests::answers::{assert_candidate, list, number, text};
use imgcalc_tests::sandbox::Sandbox;
use imgcalc_tests::spec::Spec;
use serde_json::{Value, json};

const FORMATS: usize = 16;

fn formats(candidates: &[Value]) -> Vec<&str> {
    candidates
        .iter()
        .map(|candidate| text(candidate, "format"))
        .collect()
}

#[test]
fn a_user_gets_from_files_to_a_format_and_can_ask_on() {
    let sandbox = Sandbox::new();
    let summary = sandbox.import_fashion("base", 1000);
    assert_eq!(
        summary["splits"],
        json!({"train": 800, "validation": 200, "test": 1000})
    );
    assert_eq!(
        (&summary["channels"], &summary["skipped_count"]),
        (&json!(1), &json!(0))
    );

    let learning = Spec::long().with("net.width", 4).with("training.epochs", 20);
    let spec = sandbox.spec("spec.toml", &learning.with("training.epochs_transfer", 10));
    let plan = sandbox.imgcalc(&["plan", &spec, "--json"]).json();
    for (field, expected) in [("formats", FORMATS), ("feasible", FORMATS), ("infeasible", 0)] {
        assert_eq!(plan[field], expected, "{field} of {plan}");
    }
    assert_eq!(
        (&plan["families"], &plan["trainings"]),
        (&json!(2), &json!(6)),
        "{plan}"
    );
    assert!(
        number(&plan, "cost_epochs") < number(&plan, "cost_epochs_brute_force"),
        "{plan}"
    );
    assert!(!sandbox.path("data").exists(), "a plan does nothing");

    let built = sandbox.built("data", &spec, &["--json", "--report", "own.html"]);
    assert!(built.stderr.contains("started build tiny-"), "{}", built.stderr);
    assert!(
        built.stderr.contains("accuracy") && built.stderr.contains("left)"),
        "progress:\n{}",
        built.stderr
    );
    let answer: Value = built.json();
    assert_eq!(answer["missing"], json!([]));
    let baselines = list(&answer["baselines"]);
    assert_eq!(baselines.len(), 1);
    assert_eq!(baselines[0]["jpeg"], json!({"quality": 75}));
    assert!(number(&baselines[0], "bytes") > 100.0 && number(&baselines[0], "accuracy") > 0.1);
    for rung in list(&answer["recommendations"]) {
        assert_candidate(&rung["recommended"]);
    }
    sandbox.assert_nothing_runs("a finished build");

    explores(&sandbox);
    reports(&sandbox);
    looks_on(&sandbox);

    // The same command again knows that all is done.
    let again = sandbox.built("data", &spec, &["--json"]);
    assert!(again.stderr.contains("going on with build"), "{}", again.stderr);
    assert_eq!(again.json(), answer);
}

fn explores(sandbox: &Sandbox) {
    let explore = |more: &[&str]| sandbox.ask("data", &[&["explore", "tiny", "--json"], more].concat());
    let all = list(&explore(&["--all"]).json());
    assert_eq!(all.len(), FORMATS);
    all.iter().for_each(assert_candidate);
    assert_eq!(
        all.iter()
            .filter(|candidate| candidate["measured"] == true)
            .count(),
        6
    );
    let best = all
        .iter()
        .map(|candidate| number(candidate, "accuracy"))
        .fold(0.0, f64::max);
    assert!(best > 0.25, "the nets learn: {best}");

    let front = list(&explore(&[]).json());
    assert!(!front.is_empty() && front.len() <= all.len());
    for pair in front.windows(2) {
        assert!(
            number(&pair[0], "time_us") <= number(&pair[1], "time_us"),
            "fastest first: {front:?}"
        );
    }
    let beaten = |one: &Value| {
        all.iter().any(|other| {
            let better = |field| number(other, field) < number(one, field);
            better("time_us") && better("bytes") && number(other, "accuracy") > number(one, "accuracy")
        })
    };
    assert!(!front.iter().any(beaten), "{front:?}");

    // A budget in the middle: exactly those within it, the most accurate first.
    let mut times: Vec<f64> = all.iter().map(|candidate| number(candidate, "time_us")).collect();
    times.sort_by(f64::total_cmp);
    let budget = times[FORMATS / 2 - 1];
    let time = format!("{budget}us");
    let within = list(&explore(&["--time", &time]).json());
    let fitting = times.iter().filter(|&&time| time <= budget).count();
    assert_eq!(within.len(), fitting, "{:?}", formats(&within));
    assert!(
        within
            .iter()
            .all(|candidate| number(candidate, "time_us") <= budget)
    );
    for pair in within.windows(2) {
        assert!(
            number(&pair[0], "accuracy") >= number(&pair[1], "accuracy"),
            "{within:?}"
        );
    }
    // Which formats are the fast ones is the machine's affair; of those, the smallest.
    let sizes = within.iter().map(|candidate| number(candidate, "bytes"));
    let smallest = sizes.fold(f64::INFINITY, f64::min);
    let space = format!("{smallest}B");
    let both = list(&explore(&["--time", &time, "--space", &space, "--limit", "1"]).json());
    assert!(
        both.len() == 1 && number(&both[0], "bytes") <= smallest,
        "{both:?}"
    );
    let accurate = list(&explore(&["--min-accuracy", &format!("{best}")]).json());
    assert!(
        accurate
            .iter()
            .all(|candidate| number(candidate, "accuracy") >= best)
            && !accurate.is_empty()
    );

    for (budget, nearest) in [
        (&["--time", "1ns"], "the fastest format takes"),
        (&["--space", "1B"], "the smallest format takes"),
        (&["--min-accuracy", "100%"], "the best accuracy is"),
    ] {
        let refusal = explore(budget).refused();
        assert!(
            refusal.contains("no format keeps these budgets") && refusal.contains(nearest),
            "{refusal}"
        );
    }
    let table = sandbox.ask("data", &["explore"]).ok();
    let heading = table.stdout.lines().next().unwrap_or_default();
    assert!(
        heading.starts_with("format") && heading.contains("accuracy"),
        "{}",
        table.stdout
    );
    assert_eq!(table.stdout.lines().count(), front.len() + 1, "{}", table.stdout);
}

fn reports(sandbox: &Sandbox) {
    let said = sandbox.ask("data", &["report", "--out", "report.html"]).ok();
    assert_eq!(said.stdout.trim(), "report.html");
    for name in ["report.html", "own.html"] {
        let html = std::fs::read_to_string(sandbox.path(name)).unwrap();
        assert!(
            html.contains("<svg") && html.contains("1x1-b8-k"),
            "{name} shows plots and formats"
        );
        for loads in [
            "src=\"http",
            "href=\"http",
            "url(http",
            "@import",
            "<link",
            "<iframe",
            "src=\"//",
            "fetch(",
        ] {
            assert!(!html.contains(loads), "{name} must load nothing: {loads}");
        }
        assert!(!html.contains("<script src") && !html.contains("NaN"), "{name}");
    }
}

fn looks_on(sandbox: &Sandbox) {
    let builds = list(&sandbox.ask("data", &["ls", "--json"]).json());
    assert_eq!(builds.len(), 1);
    assert_eq!(
        (&builds[0]["done"], &builds[0]["dataset"]),
        (&builds[0]["expected"], &json!("fashion"))
    );
    let id = text(&builds[0], "id");
    let table = sandbox.ask("data", &["ls"]).ok().stdout;
    assert!(table.contains(id) && table.contains("done"), "{table}");

    let status = sandbox.ask("data", &["status", id, "--json"]).json();
    assert_eq!(
        (&status["state"], &status["coordinator"]),
        (&json!("done"), &json!(false))
    );
    let chain = list(&status["chain"]);
    assert_eq!(chain.len(), 6);
    assert_eq!(chain[0]["parent"], Value::Null, "the densest starts from scratch");
    let epochs = |link: &Value| list(&link["curve"]).len();
    assert_eq!((epochs(&chain[0]), epochs(&chain[5])), (20, 10));
    let status = sandbox.ask("data", &["status", "--tasks"]).ok().stdout;
    assert!(
        status.contains("(done)") && status.contains("train pixels from scratch"),
        "{status}"
    );

    let logs = sandbox.ask("data", &["logs", id]).ok().stdout;
    for line in [
        "coordinator: submitted",
        "profile access 4x4-b8: done",
        "epoch 20/20",
        "coordinator: done",
    ] {
        assert!(logs.contains(line), "no {line:?} in\n{logs}");
    }
    inspects(sandbox, &chain);
}

fn inspects(sandbox: &Sandbox, chain: &[Value]) {
    let url = sandbox.url("base");
    let manifest = sandbox
        .imgcalc(&["inspect", "fashion", "--base", &url, "--deep", "--json"])
        .json();
    assert_eq!(
        (&manifest["kind"], &manifest["train"]),
        (&json!("dataset manifest"), &json!(800))
    );
    assert_eq!(
        (&manifest["size"], &manifest["intact"]),
        (&json!("32x32"), &json!(true))
    );

    let columns = sandbox.object("base", "columns/", "1x1-b8-k8-q50/rg-00000");
    let columns = sandbox
        .imgcalc(&["inspect", &columns.display().to_string(), "--json"])
        .json();
    assert_eq!(
        (&columns["kind"], &columns["family"]),
        (&json!("columns"), &json!("1x1-b8"))
    );
    assert_eq!(
        (&columns["intact"], list(&columns["anti-diagonals"]).len()),
        (&json!(true), 8)
    );

    let weights = text(&chain[0], "weights");
    let weights = sandbox
        .imgcalc(&["inspect", weights, "--base", &url, "--json"])
        .json();
    assert_eq!(
        (&weights["kind"], &weights["digest"]),
        (&json!("safetensors"), &chain[0]["weights_digest"])
    );
    let table = sandbox
        .imgcalc(&["inspect", "fashion", "--base", &url])
        .ok()
        .stdout;
    assert!(
        table.contains("dataset manifest") && table.contains("fashion"),
        "{table}"
    );
}
