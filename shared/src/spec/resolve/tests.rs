//! Builds of specs, and what a dataset or a file cannot give.

use super::*;

fn surroundings(side: u32) -> Surroundings {
    let dataset = DatasetFacts {
        digest: Digest::of(b"d"),
        size: Size {
            height: side,
            width: side,
        },
        channels: 1,
        classes: 10,
        splits: Splits {
            train: 800,
            validation: 200,
            test: 0,
        },
        has_jpeg_files: false,
    };
    Surroundings {
        base: "file:///b".into(),
        dataset,
        hardware: "cpu".into(),
        script: None,
        weights: None,
    }
}

fn spec(extra: &str) -> Spec {
    Spec::parse(&format!("name = \"n\"\nbase = \"b\"\ndataset = \"d\"\n{extra}")).unwrap()
}

fn resolve(extra: &str, side: u32) -> Result<Build, SpecError> {
    spec(extra).resolve(&surroundings(side))
}

#[test]
fn a_link_has_a_tenth_of_the_epochs_unless_told() {
    assert_eq!(
        resolve("[training]\nepochs = 210", 32).unwrap().transfer.epochs,
        21
    );
    assert_eq!(
        resolve("[training]\nepochs = 6\nepochs_transfer = 2", 32)
            .unwrap()
            .transfer
            .epochs,
        2
    );
    assert_eq!(resolve("[training]\nepochs = 6", 32).unwrap().transfer.epochs, 1);
}

#[test]
fn what_the_dataset_cannot_give_is_refused_by_field() {
    let error = |extra: &str, side| resolve(extra, side).unwrap_err().to_string();
    assert!(
        error("", 28).starts_with("space = 6048 formats"),
        "{}",
        error("", 28)
    );
    assert!(error("[training]\ntrain_images = 801", 32).starts_with("training.train_images = 801"));
    assert!(error("[training]\ntest_images = 1", 32).starts_with("training.test_images = 1"));
    assert!(error("[profile]\nbatch = 1000", 32).starts_with("profile.batch = 1000"));
}

#[test]
fn a_build_is_named_by_what_decides_it() {
    let build = resolve("", 32).unwrap();
    let moved = Build {
        base: "s3://x".into(),
        ..build.clone()
    };
    assert_eq!(build.id(), moved.id());
    assert_ne!(build.id(), resolve("[training]\nseed = 1", 32).unwrap().id());
}

#[test]
fn the_name_of_a_build_is_stable_across_releases() {
    // A change of these values makes every build submitted before another one.
    let small =
        |extra: &str| resolve(&format!("[training]\npreset = \"small-images\"\n{extra}"), 32).unwrap();
    assert_eq!(small("").id().0, "n-a256d5e1");
    assert_eq!(resolve("", 32).unwrap().id().0, "n-10d0f76f");
    let cut = |segments| small(&format!("[chain]\nsegments = {segments}")).id();
    assert_eq!(cut(1), small("").id());
    assert_ne!(cut(2), cut(1));
    assert_ne!(small("compare = [\"scratch\"]").id(), small("").id());
    assert_ne!(small("batch_size = \"auto\"").id(), small("").id());
    assert_eq!(small("start = \"scratch\"").id(), small("").id());
}

#[test]
fn an_augmentation_that_a_format_cannot_have_names_it() {
    let augment =
        |extra: &str, space: &str| resolve(&format!("[training.augment]\n{extra}\n[space]\n{space}"), 32);
    let small = "blocks = [8]\nsamplings = [\"1x1\"]";
    let build = augment("horizontal_flip = 0.5\ncrop = 0.5", small).unwrap();
    assert_eq!(
        (build.transfer.augment.horizontal_flip, build.scratch.augment.crop),
        (0.5, 0.5)
    );
    // A block of 32 is all of such an image: there is nothing to move by whole blocks.
    let error = augment("translation = 0.25", "blocks = [32]")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("training.augment.translation = 0.25: ") && error.contains("b32"),
        "{error}"
    );
    let error = augment("chroma = 0.1", small).unwrap_err().to_string();
    assert!(error.starts_with("training.augment.chroma = 0.1: "), "{error}");
}

fn script(sides: &[(u16, u16)]) -> ScriptFacts {
    ScriptFacts {
        digest: Digest::of(b"script"),
        bytes: 6,
        parameters: 9,
        channels: 1,
        classes: 10,
        sides: sides
            .iter()
            .map(|&(first, last)| crate::net::Sides { first, last })
            .collect(),
    }
}

fn with_script(extra: &str, facts: ScriptFacts) -> Result<Build, String> {
    let surroundings = Surroundings {
        script: Some(facts),
        ..surroundings(32)
    };
    let text = format!("[net]\nname = \"torchscript\"\nscript = \"swin\"\n{extra}");
    spec(&text)
        .resolve(&surroundings)
        .map_err(|error| error.to_string())
}

#[test]
fn a_script_is_named_by_its_digest_and_must_fit_the_dataset() {
    let build = with_script("", script(&[(1, 1024)])).unwrap();
    let digest = Digest::of(b"script").to_string();
    assert_eq!(build.net, Net::Torchscript { script: digest });
    let mut other = script(&[(1, 1024)]);
    other.classes = 1000;
    let error = with_script("", other).unwrap_err();
    assert!(
        error.starts_with("net.script = \"swin\": the script tells 1000 classes apart")
            && error.contains("--classes 10"),
        "{error}"
    );
    let mut other = script(&[(1, 1024)]);
    other.channels = 3;
    let error = with_script("", other).unwrap_err();
    assert!(
        error.contains("takes images of 3 channels") && error.contains("--channels 1"),
        "{error}"
    );
}

#[test]
fn a_plane_that_is_too_small_for_the_net_names_the_keeps_that_are_not() {
    let error = with_script(
        "[space]\nblocks = [8, 32]\nsamplings = [\"1x1\"]",
        script(&[(4, 1024)]),
    )
    .unwrap_err();
    for said in [
        "space.keeps = 1: the plane of 1x1-b32-k1-",
        "is 1x1x1",
        "1 with blocks of 8, 4 with blocks of 32",
        "list = [4]",
    ] {
        assert!(error.contains(said), "no {said:?} in {error}");
    }
    // A net for pixels of 64x64 takes nothing of 32x32.
    let error = with_script("[space]\nblocks = [8]", script(&[(64, 1024)])).unwrap_err();
    assert!(error.starts_with("net.script = \"swin\": "), "{error}");
}

#[test]
fn weights_in_the_base_must_be_of_the_net_and_its_channels() {
    let facts = |net: Net, channels| WeightsFacts {
        digest: Digest::of(b"weights"),
        bytes: 1,
        net,
        channels,
        classes: 1000,
    };
    let start = |facts: WeightsFacts| {
        let surroundings = Surroundings {
            weights: Some(facts),
            ..surroundings(32)
        };
        spec("[net]\nname = \"resnet18\"\n[training]\nstart = { weights = \"imagenet\" }")
            .resolve(&surroundings)
    };
    let build = start(facts(Net::Resnet18 {}, 1)).unwrap();
    assert_eq!(build.start, Start::File(Digest::of(b"weights")));
    for bad in [facts(Net::Resnet50 {}, 1), facts(Net::Resnet18 {}, 3)] {
        let error = start(bad).unwrap_err().to_string();
        assert!(
            error.starts_with("training.start.weights = \"imagenet\": "),
            "{error}"
        );
    }
    let task = "ab".repeat(32);
    let build = resolve(&format!("[training]\nstart = {{ task = \"{task}\" }}"), 32).unwrap();
    assert_eq!(
        build.start,
        Start::Weights(crate::task::TaskId(task.parse().unwrap()))
    );
}
