//! A full disk stops a build, which loses nothing and goes on when there is room.

use imgcalc_tests::answers::attempts;
use imgcalc_tests::disk::{SmallDisk, where_mounting_works};
use imgcalc_tests::profile;
use imgcalc_tests::programs::{PATIENCE, Said};
use imgcalc_tests::sandbox::Sandbox;
use imgcalc_tests::spec::Spec;

const IMAGES: u32 = 1000;

/// What a build says that finds a disk full, which is no failure of anything it did.
fn assert_full(said: Said, names: &str) -> String {
    let refusal = said.refused();
    assert!(refusal.contains(names), "no {names:?} in\n{refusal}");
    assert!(
        refusal.contains("lost"),
        "it must say that nothing is lost:\n{refusal}"
    );
    refusal
}

#[test]
fn a_base_on_a_full_disk_stops_the_build_which_goes_on_when_there_is_room() {
    let test = "a_base_on_a_full_disk_stops_the_build_which_goes_on_when_there_is_room";
    where_mounting_works(test, || {
        let sandbox = Sandbox::new();
        let disk = SmallDisk::mount(&sandbox.path("base"), 8 << 20);
        sandbox.import_fashion("base", IMAGES);
        sandbox.spec("spec.toml", &Spec::tiny());
        // Profiles need some room for what they measure: they are taken first.
        profile::made_up(&sandbox, &Spec::tiny(), "profile");

        disk.leave_room(64 << 10);
        let build = || {
            sandbox
                .build("data", "spec.toml", &["--profile", "profile"])
                .finish(PATIENCE)
        };
        let refusal = assert_full(build(), "is full");
        // Whichever of the two workers finds it full first.
        let object = refusal.contains("columns/") || refusal.contains("tasks/");
        assert!(object && refusal.contains("make room"), "{refusal}");
        sandbox.assert_nothing_runs("a full disk");
        // Nobody is to blame: however often, it never counts.
        for _ in 0..3 {
            assert_full(build(), "is full");
        }
        disk.make_room();
        build().ok();
        let all = attempts(&sandbox, "data");
        assert!(all.values().all(|task| task.standing == "done"), "{all:?}");
        let failed = all
            .values()
            .flat_map(|task| &task.attempts)
            .filter(|attempt| !attempt["failure"].is_null());
        let classes: Vec<String> = failed.map(|attempt| attempt["failure"][0].to_string()).collect();
        assert!(classes.contains(&"\"storage\"".to_string()), "{classes:?}");
        let whole = ["inspect", "fashion", "--base", &sandbox.url("base"), "--deep"];
        sandbox.imgcalc(&whole).ok();
    });
}

#[test]
fn a_ledger_on_a_full_disk_stops_the_build_which_goes_on_when_there_is_room() {
    let test = "a_ledger_on_a_full_disk_stops_the_build_which_goes_on_when_there_is_room";
    where_mounting_works(test, || {
        let sandbox = Sandbox::new();
        sandbox.import_fashion("base", IMAGES);
        sandbox.spec("spec.toml", &Spec::tiny());
        let disk = SmallDisk::mount(&sandbox.path("data"), 16 << 20);
        // No room for anything; for the lock and no more; for part of a ledger. It takes its room beforehand.
        for room in [0, 24 << 10, 2 << 20, 3 << 20] {
            std::fs::remove_file(sandbox.path("data/filler")).ok();
            disk.leave_room(room);
            let said = sandbox.build("data", "spec.toml", &[]).finish(PATIENCE);
            eprintln!("with {room} bytes: {}", said.stderr);
            let refusal = said.refused();
            let told = ["no room is left", "No space left", "is full"]
                .iter()
                .any(|words| refusal.contains(words));
            assert!(told, "with {room} bytes:\n{refusal}");
            sandbox.assert_nothing_runs("a full disk");
        }
        disk.make_room();
        sandbox.built("data", "spec.toml", &[]);
        let all = attempts(&sandbox, "data");
        assert!(all.values().all(|task| task.standing == "done"), "{all:?}");
    });
}
