use super::*;
use std::collections::BTreeSet;

const BOTH: &str = "names = [\"resnet_like\", \"mobile_like\"]\nstages = [1, 2]\nwidths = [8, 16]\ndepths = [1, 2]\n\
                    kernels = [3]\nexpansions = [1, 3, 4]";

fn space(text: &str) -> NetSpace {
    toml::from_str(text).unwrap()
}

#[test]
fn a_space_has_as_many_nets_as_counted_by_hand_and_no_two_are_equal() {
    let space = space(BOTH);
    assert_eq!(space.check(), Ok(()));
    // Of a stage 2 · 2 · 1 and of one that expands 2 · 2 · 1 · 3; one or two stages.
    let count = (4 + 4 * 4) + (12 + 12 * 12);
    assert_eq!(space.count(), Some(count));
    let points: Vec<Point> = (0..count).map(|index| space.nth(index).unwrap()).collect();
    assert_eq!(space.nth(count), None);
    let json = |net: &Net| serde_json::to_string(net).unwrap();
    let nets: BTreeSet<String> = points
        .iter()
        .map(|point| json(&space.net(point).unwrap()))
        .collect();
    assert_eq!(nets.len() as u64, count);
    let features: BTreeSet<String> = points
        .iter()
        .map(|point| format!("{:?}", space.features(point).unwrap()))
        .collect();
    assert_eq!(features.len() as u64, count, "features tell nets apart");
}

#[test]
fn a_point_says_what_its_net_has_and_nothing_else() {
    let space = space(BOTH);
    let point = space.nth(0).unwrap();
    assert_eq!(
        point.to_string(),
        "depth1 = 1, kernel1 = 3, name = resnet_like, stages = 1, width1 = 8"
    );
    let stage = ResnetStage {
        width: 8,
        depth: 1,
        kernel: 3,
    };
    let net = Net::ResnetLike {
        stem: 16,
        stages: vec![stage],
    };
    assert_eq!(space.net(&point), Some(net));
    assert_eq!(space.features(&point).unwrap()[..5], [0.0, 0.5, 0.5, 0.5, 1.0]);
    assert_eq!(space.features(&point).unwrap()[5..], [0.0; 5]);

    let change = |name: &str, value: Value| {
        let mut other = point.clone();
        other.0.insert(name.into(), value);
        other
    };
    for (name, value) in [
        ("width2", whole(8)),
        ("expansion1", whole(3)),
        ("width1", whole(9)),
        ("stages", whole(2)),
        ("name", Value::Text("resnet18".into())),
        ("depth1", Value::Real(1.0)),
    ] {
        assert_eq!(space.net(&change(name, value)), None, "{name}");
    }
    assert_eq!(
        space.trimmed(&change("expansion1", whole(3))),
        Some(point.clone())
    );
    assert_eq!(space.trimmed(&change("width1", whole(9))), None);
}

#[test]
fn what_a_search_draws_of_the_parameters_becomes_a_net() {
    let space = space(BOTH);
    let parameters = space.parameters();
    assert_eq!(parameters.check(), Ok(()));
    assert_eq!(parameters.count(), Some(2 * 2 * (2 * 2 * 3) * (2 * 2 * 3)));
    for index in 0..parameters.count().unwrap() {
        let all = parameters.grid_point(4096, index).unwrap();
        let point = space.trimmed(&all).unwrap();
        assert!(space.net(&point).is_some());
    }
    // The same again, and all sorts.
    let draw = |trial| space.draw(7, TrialId(trial), 0);
    assert_eq!(draw(3), draw(3));
    let drawn: BTreeSet<String> = (0..64).map(|trial| draw(trial).to_string()).collect();
    assert!(drawn.len() > 30, "{}", drawn.len());
    let small = drawn.iter().filter(|text| text.contains("stages = 1")).count();
    assert!(small > 5, "{small}");
}

#[test]
fn every_net_is_a_part_of_the_largest() {
    let space = space(BOTH);
    for name in [NetName::ResnetLike, NetName::MobileLike] {
        let largest = net::variables(&space.largest(name), 3, 10).unwrap();
        let whole: BTreeMap<&str, &[i64]> = largest
            .iter()
            .map(|variable| (variable.name.as_str(), variable.shape.as_slice()))
            .collect();
        for index in 0..space.count().unwrap() {
            let net = space.net(&space.nth(index).unwrap()).unwrap();
            if net.name() != name.text() {
                continue;
            }
            for variable in net::variables(&net, 3, 10).unwrap() {
                let most = whole[variable.name.as_str()];
                let fits = variable.shape.iter().zip(most).all(|(side, most)| side <= most);
                assert!(fits && variable.shape.len() == most.len(), "{variable:?}");
            }
        }
    }
}

#[test]
fn bad_spaces_are_refused_with_field_and_remedy() {
    for (from, to, field, remedy) in [
        (
            "[\"resnet_like\", \"mobile_like\"]",
            "[]",
            "names = []",
            "or both",
        ),
        ("\"mobile_like\"", "\"resnet_like\"", "names", "each once"),
        (
            "stages = [1, 2]",
            "stages = []",
            "stages = 0 values",
            "name 1 to 16",
        ),
        ("stages = [1, 2]", "stages = [7]", "stages = 7", "from 1 to 6"),
        ("widths = [8, 16]", "widths = [8, 8]", "widths = 8", "named twice"),
        ("widths = [8, 16]", "widths = [0]", "widths = 0", "from 1 to 4096"),
        ("depths = [1, 2]", "depths = [33]", "depths = 33", "from 1 to 32"),
        ("kernels = [3]", "kernels = [4]", "kernels = 4", "odd"),
        ("expansions = [1, 3, 4]", "", "expansions = 0 values", "name 1"),
        (
            "expansions = [1, 3, 4]",
            "expansions = [17]",
            "expansions = 17",
            "16",
        ),
        ("stages = [1", "stem = 0\nstages = [1", "stem = 0", "from 1"),
        (", \"mobile_like\"", "", "expansions = [1, 3, 4]", "leave it out"),
        (
            "widths = [8, 16]",
            "widths = [4096]",
            "widths = [4096]",
            "make it narrower",
        ),
    ] {
        let text = BOTH.replace(from, to);
        assert_ne!(text, BOTH, "{from}");
        let error = space(&text).check().unwrap_err().to_string();
        let starts = error.starts_with(&format!("space.{field}"));
        assert!(starts && error.contains(remedy), "{error}");
    }
    assert!(toml::from_str::<NetSpace>(&format!("{BOTH}\nwidth = 1")).is_err());
    assert!(toml::from_str::<NetSpace>(&BOTH.replace("mobile_like", "vgg")).is_err());
}

#[test]
fn a_space_beyond_counting_says_so() {
    let many = (1..=16)
        .map(|width| width.to_string())
        .collect::<Vec<_>>()
        .join(", ");
    let text = format!(
        "names = [\"mobile_like\"]\nstages = [6]\nwidths = [{many}]\ndepths = [{many}]\nkernels = [1, 3]\n\
         expansions = [1, 2, 3, 4]"
    );
    let space = space(&text);
    assert_eq!(space.check(), Ok(()));
    assert_eq!((space.count(), space.nth(0)), (None, None));
    assert!(space.net(&space.draw(1, TrialId(0), 0)).is_some());
}
