use super::*;
use crate::format::Size;
use crate::space::Space;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn format(text: &str) -> Format {
    text.parse().unwrap()
}

fn cost(text: &str, time_us: f64) -> FormatCost {
    FormatCost {
        format: format(text),
        time_us,
        bytes: 10.0 * time_us,
    }
}

/// Vectors in a plane, at these angles in degrees.
fn rows(angles: &[(&str, f64)]) -> Vec<FormatVector> {
    let row = |(text, angle): &(&str, f64)| {
        let angle = angle.to_radians();
        FormatVector::new(format(text), &[angle.cos(), angle.sin()])
    };
    angles.iter().map(row).collect()
}

#[test]
fn each_bucket_gives_the_format_that_agrees_most_with_all() {
    let all = [
        ("1x1-b8-k8-q20", 30.0, 80.0),
        ("1x1-b8-k6-q20", 5.0, 60.0),
        ("1x1-b8-k5-q20", 20.0, 50.0),
        ("1x1-b8-k4-q20", -1.0, 40.0),
        ("1x1-b8-k2-q20", -40.0, 20.0),
        ("1x1-b8-k1-q20", -80.0, 10.0),
    ];
    let rows = rows(&all.map(|(text, angle, _)| (text, angle)));
    let costs = all.map(|(text, _, time)| cost(text, time));
    let steps = trace(&rows, format("1x1-b8-k8-q20"), &costs, 3).unwrap();
    let told: Vec<(String, usize, usize, usize)> = steps
        .iter()
        .map(|step| (step.format.to_string(), step.bucket, step.rank, step.of))
        .collect();
    let expected = [
        ("1x1-b8-k8-q20", 2, 2, 2),
        ("1x1-b8-k6-q20", 2, 1, 1),
        ("1x1-b8-k4-q20", 1, 1, 2),
        ("1x1-b8-k2-q20", 0, 1, 2),
        ("1x1-b8-k1-q20", 0, 2, 2),
    ];
    let expected = expected.map(|(text, bucket, rank, of)| (text.to_string(), bucket, rank, of));
    assert_eq!(told, expected);
    assert!((steps[1].to_densest - 25_f64.to_radians().cos()).abs() < 1e-3);
    assert!((steps[2].to_previous - 6_f64.to_radians().cos()).abs() < 1e-3);
    assert_eq!((steps[0].to_densest, steps[0].to_previous), (1.0, 1.0));

    // With time for everything it is not the densest that is taken, but the one that agrees most.
    let best = |time| best_within(&steps, time).map(|step| step.format.to_string());
    assert_eq!(best(100.0).as_deref(), Some("1x1-b8-k4-q20"));
    assert_eq!(best(39.0).as_deref(), Some("1x1-b8-k2-q20"));
    assert_eq!(best(10.0).as_deref(), Some("1x1-b8-k1-q20"));
    assert_eq!(best(9.0), None);
}

#[test]
fn every_family_has_one_voice_in_what_all_see_in_common() {
    // Three keeps of one family against one of another: what is common lies in the middle all the same.
    let rows = rows(&[
        ("1x1-b8-k1-q20", 0.0),
        ("1x1-b8-k2-q20", 0.0),
        ("1x1-b8-k3-q20", 0.0),
        ("1x1-b16-k16-q20", 60.0),
    ]);
    let costs = [cost("1x1-b16-k16-q20", 9.0), cost("1x1-b8-k3-q20", 5.0)];
    let steps = trace(&rows, format("1x1-b16-k16-q20"), &costs, 2).unwrap();
    let [densest, other] = &steps[..] else {
        panic!("{steps:?}");
    };
    assert!((densest.agreement - other.agreement).abs() < 1e-3, "{steps:?}");
}

#[test]
fn what_cannot_be_walked_over_is_refused() {
    let good = rows(&[("1x1-b8-k8-q20", 0.0), ("1x1-b8-k1-q20", 10.0)]);
    let costs = [cost("1x1-b8-k8-q20", 9.0), cost("1x1-b8-k1-q20", 1.0)];
    let densest = format("1x1-b8-k8-q20");
    let walk = |rows: &[FormatVector], costs: &[FormatCost]| trace(rows, densest, costs, 2);
    assert!(walk(&good, &costs).is_ok());
    let (no_time, no_vector) = (
        TraceError::NoTime { format: densest },
        TraceError::NoVector { format: densest },
    );
    assert_eq!(walk(&good, &costs[1..]), Err(no_time));
    assert_eq!(walk(&good[1..], &costs), Err(no_vector));
    let mut short = good.clone();
    short[1].vector.pop();
    assert!(matches!(
        walk(&short, &costs),
        Err(TraceError::Vector { found: 1, .. })
    ));
    let mut odd = good.clone();
    odd[0].vector[0] = f32::NAN;
    assert!(matches!(
        walk(&odd, &costs),
        Err(TraceError::Vector { found: 1, .. })
    ));
    let mut late = costs;
    late[1].time_us = f64::NAN;
    assert!(matches!(walk(&good, &late), Err(TraceError::NoTime { .. })));
}

fn space() -> Vec<Format> {
    let size = Size {
        height: 32,
        width: 32,
    };
    let mut formats = Space::preset("sigmod24").unwrap().split(size).0;
    formats.sort_by(|a, b| a.density_order(*b));
    formats
}

/// Some formats of a space, densest first, each with a vector and a time.
fn some() -> impl Strategy<Value = (Vec<FormatVector>, Vec<FormatCost>)> {
    let one = (
        any::<prop::sample::Index>(),
        [-9_i8..=9, -9_i8..=9, -9_i8..=9],
        0_u16..50,
    );
    prop::collection::vec(one, 1..60).prop_map(|drawn| {
        let space = space();
        let mut chosen = BTreeMap::new();
        for (index, vector, time) in drawn {
            chosen.insert(index.index(space.len()), (vector.map(f64::from), f64::from(time)));
        }
        let both = chosen.into_iter().map(|(index, (vector, time_us))| {
            let format = space[index];
            let bytes = 1.0;
            let cost = FormatCost {
                format,
                time_us,
                bytes,
            };
            (FormatVector::new(format, &vector), cost)
        });
        both.unzip()
    })
}

proptest! {
    #[test]
    fn a_walk_gets_ever_cheaper_and_leaves_out_no_bucket_below_the_densest(
        (rows, costs) in some(),
        count in 1_usize..20,
    ) {
        let densest = rows[0].format;
        let steps = trace(&rows, densest, &costs, count).unwrap();
        prop_assert_eq!(steps[0].format, densest);
        prop_assert!(steps.windows(2).all(|pair| pair[1].time_us <= pair[0].time_us));

        let times: Vec<(Format, f64)> = costs.iter().map(|cost| (cost.format, cost.time_us)).collect();
        let buckets = Buckets::cut(&times, count);
        let order: Vec<Format> = buckets.iter().map(|(_, format)| format).collect();
        let place = |format| order.iter().position(|other| *other == format).unwrap();
        prop_assert!(steps.windows(2).all(|pair| place(pair[1].format) < place(pair[0].format)));
        prop_assert_eq!(steps.last().unwrap().format, order[0]);
        let taken: BTreeSet<usize> = steps[1..].iter().map(|step| step.bucket).collect();
        let there: BTreeSet<usize> = buckets
            .iter()
            .filter(|(_, format)| place(*format) < place(densest))
            .map(|(bucket, _)| bucket)
            .collect();
        prop_assert_eq!(taken, there);
        for step in &steps {
            prop_assert!(step.rank >= 1 && step.rank <= step.of);
            prop_assert!([step.agreement, step.to_densest, step.to_previous].iter().all(|c| c.abs() <= 1.0));
        }
    }

    #[test]
    fn a_walk_does_not_depend_on_the_order_of_what_is_given((rows, costs) in some(), count in 1_usize..20) {
        let densest = rows[0].format;
        let steps = trace(&rows, densest, &costs, count).unwrap();
        let (mut rows, mut costs) = (rows, costs);
        rows.reverse();
        costs.reverse();
        prop_assert_eq!(trace(&rows, densest, &costs, count).unwrap(), steps);
    }

    #[test]
    fn more_time_never_gives_a_format_that_agrees_less((rows, costs) in some(), count in 1_usize..20) {
        let steps = trace(&rows, rows[0].format, &costs, count).unwrap();
        let agreements = (0..60).filter_map(|time| Some(best_within(&steps, f64::from(time))?.agreement));
        let agreements: Vec<f64> = agreements.collect();
        prop_assert!(agreements.windows(2).all(|pair| pair[0] <= pair[1]));
    }
}
