//! Searches that are limited in hours and take as many workers as there are.

use imgcalc_tests::answers::{list, number};
use imgcalc_tests::sandbox::Sandbox;
use imgcalc_tests::spec::Spec;
use serde_json::json;

#[test]
fn a_search_stops_when_its_hours_are_used_up_and_takes_every_worker_until_then() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", 160);
    let search = "algorithm = { name = \"asha\", eta = 3 }\nepochs = { min = 1, max = 9 }\n\
                  budget = { gpu_hours = 0.0025 }\n[parameters]\nlearning_rate = { log = [1e-3, 0.3] }";
    let spec = Spec::least()
        .with("training.epochs", 9)
        .with("training.train_images", 64)
        .with("training.validation_images", 32)
        .with("workers.count", 5)
        .with("search.hyper", search.parse::<toml::Table>().expect("a table"));
    let spec = sandbox.spec("spec.toml", &spec);
    let plan = sandbox.imgcalc(&["plan", &spec]).ok().stdout;
    assert!(plan.contains("until 0.0025 GPU-hours are used up"), "{plan}");
    sandbox.built("data", &spec, &["--json"]).json();
    let status = || sandbox.ask("data", &["status", "--json"]).json();
    let first = status();
    let before = &first["search"];
    assert_eq!(before["is_over"], json!(true));
    assert!(number(before, "device_seconds") >= 9.0, "{before}");
    // Four at once were too few for five workers.
    assert_eq!(before["parallel"], json!(5));
    assert!(before["best"]["accuracy"].is_number(), "{before}");
    let shown = sandbox.ask("data", &["status"]).ok().stdout;
    assert!(shown.contains("of 9 s on devices"), "{shown}");

    let refusal = sandbox
        .ask("data", &["extend", "tiny", "--wall-hours", "1"])
        .refused();
    assert!(refusal.contains("no limit of hours on the wall"), "{refusal}");
    let refusal = sandbox
        .ask("data", &["extend", "tiny", "--parallel", "4"])
        .refused();
    assert!(
        refusal.contains("name 5, as many as there are, to 1024"),
        "{refusal}"
    );
    sandbox
        .ask("data", &["extend", "tiny", "--gpu-hours", "0.004"])
        .ok();
    let more = status();
    assert_eq!(more["build"], first["build"]);
    let (before, after) = (list(&before["trials"]), list(&more["search"]["trials"]));
    assert!(after.len() > before.len(), "{} and {}", before.len(), after.len());
}
