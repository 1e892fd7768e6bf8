use super::*;

fn search(algorithm: &str) -> NetSearch {
    let text = format!(
        "algorithm = {{ {algorithm} }}\nepochs = 3\nbudget = {{ trainings = 24 }}\ncandidates = 60\nparallel = 4\nseed = 5\n\
         [space]\nnames = [\"resnet_like\", \"mobile_like\"]\nstages = [1, 2, 3]\nwidths = [8, 16, 24]\ndepths = [1, 2]\n\
         kernels = [3, 5]\nexpansions = [2, 4]"
    );
    toml::from_str(&text).unwrap()
}

/// A net's worth: wider and deeper is better, up to a point.
fn worth(space: &NetSpace, point: &Point) -> f64 {
    let features = space.features(point).unwrap();
    let sum: f64 = features.iter().sum::<f64>() / features.len() as f64;
    0.5 + 0.4 * (1.0 - (sum - 0.6).abs())
}

fn seen(search: &NetSearch) -> Vec<Seen> {
    let pool = search.pool();
    let each = pool.into_iter().map(|point| {
        let value = worth(&search.space, &point);
        let proxies = Proxies {
            synflow: 10.0 * value,
            grad_norm: 1.0 - value,
            jacobian_covariance: value,
            naswot: 100.0 * value,
        };
        Seen {
            parameters: (1e6 * value) as u64,
            flops: 1,
            proxies: Some(proxies),
            supernet: Some(value / 2.0),
            result: None,
            point,
        }
    });
    each.collect()
}

#[test]
fn candidates_are_drawn_once_and_all_different() {
    let search = search("name = \"random\"");
    assert_eq!(search.check(), Ok(()));
    let pool = search.pool();
    assert_eq!(pool.len(), 60);
    assert!(
        pool.iter()
            .enumerate()
            .all(|(at, point)| !pool[..at].contains(point))
    );
    assert_eq!(pool, search.pool());
}

#[test]
fn the_most_promising_are_trained_first() {
    let search = search("name = \"proxies\", by = \"synflow\"");
    let seen = seen(&search);
    let chosen = search.choose(&seen);
    assert_eq!(chosen.len(), 24);
    let value = |chosen: &Chosen| worth(&search.space, &seen[chosen.at].point);
    assert!(chosen.is_sorted_by(|a, b| value(a) >= value(b)));
    assert!(chosen[0].why.to_string().starts_with("rank 1 of 60 by synflow"));
    // What is against the others counts in their mean.
    let ranks = NetSearch {
        algorithm: NetAlgorithm::Proxies { by: Promise::Ranks },
        ..search.clone()
    };
    assert_eq!(ranks.choose(&seen)[0].at, chosen[0].at);
}

#[test]
fn the_best_with_shared_weights_are_trained_first_and_those_nobody_knows_last() {
    let search = search("name = \"supernet\"");
    assert_eq!(search.algorithm.supernet_epochs(6), Some(6));
    let mut seen = seen(&search);
    seen[7].supernet = None;
    let chosen = search.choose(&seen);
    assert_eq!(chosen.len(), 24);
    let value = |chosen: &Chosen| seen[chosen.at].supernet.unwrap();
    assert!(chosen.is_sorted_by(|a, b| value(a) >= value(b)));
    let best = format!(
        "rank 1 of 60 in the supernet ({:.1} %)",
        100.0 * value(&chosen[0])
    );
    assert_eq!(chosen[0].why.to_string(), best);
    let all = NetSearch {
        budget: Budget {
            trainings: Some(60),
            ..Budget::default()
        },
        ..search
    };
    assert_eq!(
        all.choose(&seen).last(),
        Some(&Chosen {
            at: 7,
            why: Reason::Drawn
        })
    );
}

#[test]
fn a_round_is_decided_when_the_one_before_has_ended_and_predicts_as_soon_as_it_can() {
    let search = search("name = \"predictor\"");
    let mut seen = seen(&search);
    let mut rounds = 0;
    loop {
        let chosen = search.choose(&seen);
        let open: Vec<usize> = chosen
            .iter()
            .map(|chosen| chosen.at)
            .filter(|&at| seen[at].result.is_none())
            .collect();
        if open.is_empty() {
            assert_eq!(chosen.len(), 24);
            break;
        }
        rounds += 1;
        assert_eq!(open.len(), 4);
        // All but one have ended: the next round is not known.
        for &at in &open[1..] {
            seen[at].result = Some(Some(worth(&search.space, &seen[at].point)));
        }
        assert_eq!(search.choose(&seen), chosen);
        // One in a while fails.
        seen[open[0]].result = Some((rounds != 2).then(|| worth(&search.space, &seen[open[0]].point)));
    }
    assert_eq!(rounds, 6);
    let chosen = search.choose(&seen);
    let predicted = |chosen: &&Chosen| {
        matches!(
            chosen.why,
            Reason::Predicted {
                accuracy: Some(_),
                ..
            }
        )
    };
    assert_eq!(
        chosen.iter().filter(predicted).count(),
        12,
        "from the fourth round on"
    );
    let best = |part: &[Chosen]| {
        part.iter()
            .map(|one| worth(&search.space, &seen[one.at].point))
            .fold(0.0, f64::max)
    };
    assert!(best(&chosen[12..]) >= best(&chosen[..12]));
}

#[test]
fn what_cannot_be_is_refused_with_its_field() {
    let refused = |change: fn(&mut NetSearch)| {
        let mut search = search("name = \"random\"");
        change(&mut search);
        search.check().unwrap_err().to_string()
    };
    assert!(refused(|search| search.budget.trainings = Some(0)).contains("budget.trainings = 0"));
    assert!(refused(|search| search.candidates = 10).contains("candidates = 10: must be at least the 24"));
    assert!(refused(|search| search.epochs = 0).contains("epochs = 0"));
    assert!(refused(|search| search.space.widths.clear()).contains("widths"));
    let nothing = |search: &mut NetSearch| search.algorithm = NetAlgorithm::Supernet { epochs: Some(0) };
    assert!(refused(nothing).contains("algorithm.epochs = 0: must be from 1"));
    let alone = |search: &mut NetSearch| {
        search.algorithm = NetAlgorithm::Supernet { epochs: None };
        let space = &mut search.space;
        space.names.truncate(1);
        space.expansions.clear();
        for list in [
            &mut space.stages,
            &mut space.widths,
            &mut space.depths,
            &mut space.kernels,
        ] {
            list.truncate(1);
        }
    };
    assert!(refused(alone).contains("algorithm = supernet: a single net has nobody"));
}
