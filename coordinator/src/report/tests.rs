use super::*;
use imgcalc_shared::explore::{BucketFacts, Query};
use imgcalc_shared::search::{NetAlgorithm, Promise};

/// Every tag is closed in order, every attribute quoted, every `&` an entity.
fn check_well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page
        .strip_prefix("<!DOCTYPE html>")
        .expect("a doctype comes first");
    while let Some((before, after)) = rest.split_once('<') {
        let verbatim = open.last().is_some_and(|tag| *tag == "script" || *tag == "style");
        if !verbatim {
            check_entities(before);
        }
        let (tag, next) = after.split_once('>').expect("a tag ends");
        rest = next;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "near {}", &rest[..rest.len().min(40)]);
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let outside: String = tag.split('"').step_by(2).collect();
        assert_eq!(
            outside.matches('=').count() * 2,
            tag.matches('"').count(),
            "{tag}"
        );
        tag.split('"').skip(1).step_by(2).for_each(check_entities);
        if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap());
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

fn check_entities(text: &str) {
    let entities = ["amp;", "lt;", "gt;", "quot;", "#39;"];
    for after in text.split('&').skip(1) {
        assert!(
            entities.iter().any(|entity| after.starts_with(entity)),
            "&{after}"
        );
    }
}

/// The page of an answer with the ladder of its own budgets, proven well-formed and free of what is no number.
fn page(answer: &Answer) -> String {
    let page = html(answer, &answer.ladder(&[], &[]), &sample::facts());
    check_well_formed(&page);
    let words = page.split(|c: char| !c.is_ascii_alphanumeric());
    for word in words {
        assert!(
            !["NaN", "inf", "None", "Some"]
                .iter()
                .any(|bad| word.ends_with(bad)),
            "{word}"
        );
    }
    page
}

#[test]
fn a_report_stands_alone_and_names_every_format_of_the_front() {
    let answer = sample::answer(384, 24, 2);
    let page = page(&answer);
    for candidate in answer.front() {
        assert!(page.contains(&format!("<code>{}</code>", candidate.format)));
        assert!(page.contains(&format!("<title>{}: ", candidate.format)));
    }
    let outside = page.replace("http://www.w3.org/2000/svg", "");
    for reference in ["http:", "https:", "src=", "<link", "@import", "href="] {
        assert!(!outside.contains(reference), "{reference}");
    }
    assert!(page.contains("JPEG q50") && page.contains("prefers-color-scheme:dark"));
}

#[test]
fn an_answer_with_nothing_in_it_says_so() {
    let page = page(&sample::empty());
    assert!(page.contains("No format has an accuracy yet."));
    assert!(page.contains("No training of the chain has finished yet."));
    let facts = ReportFacts::default();
    check_well_formed(&html(&sample::empty(), &[], &facts));
}

#[test]
fn each_part_may_be_missing_alone() {
    let whole = sample::answer(60, 6, 2);
    let without = |change: fn(&mut Answer)| {
        let mut answer = whole.clone();
        change(&mut answer);
        page(&answer)
    };
    without(|answer| answer.candidates.clear());
    without(|answer| answer.baselines.clear());
    without(|answer| answer.buckets.clear());
    without(|answer| answer.chain.clear());
    without(|answer| answer.chain.iter_mut().for_each(|link| link.curve.clear()));
    without(|answer| {
        answer
            .baselines
            .iter_mut()
            .for_each(|baseline| baseline.accuracy = None)
    });
    without(|answer| {
        answer
            .candidates
            .iter_mut()
            .for_each(|candidate| candidate.accuracy_low = None)
    });
    without(|answer| answer.candidates.truncate(1));
    let untrained = without(|answer| {
        answer
            .candidates
            .iter_mut()
            .for_each(|candidate| candidate.accuracy = None);
        answer.chain.clear();
    });
    assert!(untrained.contains("No format with a known accuracy"));
    page(&sample::answer(1, 1, 1));
}

#[test]
fn what_is_no_number_never_reaches_the_page() {
    let mut answer = sample::answer(30, 3, 1);
    for (candidate, bad) in answer
        .candidates
        .iter_mut()
        .zip([f64::NAN, f64::INFINITY, 0.0, -1.0, 1e-320])
    {
        candidate.time_us = bad;
        candidate.bytes = bad;
        candidate.accuracy_high = Some(bad);
        candidate.parts.decode_us = bad;
    }
    answer.candidates[7].accuracy = Some(f64::NAN);
    answer.baselines[0].time_us = f64::NAN;
    answer.baselines[1].bytes = 0.0;
    answer.chain[0].accuracy = f64::NAN;
    answer.chain[0].curve[0].accuracy = f64::INFINITY;
    answer.buckets.push(BucketFacts {
        formats: 0,
        time_us_low: 0.0,
        time_us_high: f64::NAN,
        round: None,
        refined: None,
        trained: 0,
        best_measured: None,
        best_interpolated: Some(f64::NAN),
    });
    page(&answer);
    let facts = ReportFacts {
        epochs: f64::NAN,
        ..ReportFacts::default()
    };
    assert!(!html(&answer, &[], &facts).contains("NaN"));
}

#[test]
fn compared_strategies_and_bytes_have_their_figure_and_tables_and_none_where_there_are_none() {
    let mut answer = sample::answer(384, 24, 2);
    let plain = page(&answer);
    assert!(!plain.contains("Transfer strategies") && !plain.contains("Bytes read"));
    answer.strategies = sample::strategies(&answer);
    let facts = ReportFacts {
        bytes: sample::bytes_read(&answer),
        ..sample::facts()
    };
    let page = html(&answer, &[], &facts);
    check_well_formed(&page);
    for strategy in &answer.strategies {
        assert!(page.contains(&format!("<td class=\"l\">{}</td>", strategy.strategy.words())));
    }
    assert_eq!(page.matches("class=\"l0\"").count(), 2, "its legend and its line");
    assert!(page.contains("as JPEG q90") && page.contains("(2.00×)"));
    write("report-sample-strategies.html", &page);

    // Compared, and nothing trained yet.
    for strategy in &mut answer.strategies {
        strategy.trainings.clear();
    }
    let page = html(&answer, &[], &sample::facts());
    check_well_formed(&page);
    assert!(page.contains("No training of a strategy has finished yet."));
    // What is no number has no place.
    answer.strategies = sample::strategies(&sample::answer(60, 6, 2));
    answer.strategies[1].trainings[0].accuracy = f64::NAN;
    answer.strategies[2].seconds = f64::INFINITY;
    let page = html(&answer, &[], &sample::facts());
    check_well_formed(&page);
    assert!(!page.contains("NaN") && !page.contains("inf "));
}

#[test]
fn text_from_outside_is_escaped() {
    let mut answer = sample::answer(20, 2, 1);
    let evil = "</style><script>alert('x')</script>&\"\u{0}";
    answer.dataset = evil.into();
    answer.hardware = evil.into();
    answer.build.0 = evil.into();
    answer.missing = vec![evil.into()];
    let facts = ReportFacts {
        name: evil.into(),
        generated_at: evil.into(),
        ..sample::facts()
    };
    let page = html(&answer, &[], &facts);
    check_well_formed(&page);
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(!page.contains("alert('x')"));
    assert!(!page.contains('\u{0}'));
}

#[test]
fn the_whole_space_fits_into_three_megabytes() {
    let answer = sample::answer(3_744, 100, 6);
    assert_eq!(answer.candidates.len(), 3_744);
    let page = page(&answer);
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
    write("report-sample-big.html", &page);
}

#[test]
fn the_line_of_a_plot_rises() {
    let answer = sample::answer(384, 24, 2);
    for over in [Over::Time, Over::Bytes] {
        let line = scatter::best_within(&answer.front(), over);
        assert!(line.is_sorted_by(|a, b| a.1 < b.1));
        assert_eq!(
            line.last().unwrap().1,
            answer.within(Query::default())[0].accuracy.unwrap()
        );
    }
}

/// Leaves pages in `target/` to look at.
#[test]
fn samples_are_there_to_look_at() {
    let mut answer = sample::answer(384, 24, 2);
    answer.missing = vec!["training of 1x1-b8-k4-q20: out of memory on 3 attempts".into()];
    write("report-sample.html", &page(&answer));
    answer.chain.clear();
    answer.missing.clear();
    for candidate in &mut answer.candidates {
        candidate.accuracy = None;
    }
    for bucket in &mut answer.buckets {
        (bucket.best_measured, bucket.best_interpolated) = (None, None);
    }
    write("report-sample-untrained.html", &page(&answer));
}

fn write(name: &str, page: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../target");
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(format!("{folder}/{name}"), page).unwrap();
}

#[test]
fn a_search_is_drawn_with_every_trial_and_escapes_what_it_is_told() {
    let mut answer = sample::answer(96, 8, 2);
    answer.hyper = Some(sample::search(30));
    let page = page(&answer);
    for heading in [
        "Search over hyper-parameters",
        "Trials over budget",
        "Curves of the trials",
        "What the good trials share",
    ] {
        assert!(page.contains(&format!("<h2>{heading}</h2>")), "{heading}");
    }
    assert!(page.contains("trial 29"));
    // One that has no result yet says so and draws nothing.
    let mut empty = sample::search(0);
    empty.best = None;
    answer.hyper = Some(empty);
    let page = html(&answer, &[], &sample::facts());
    assert!(page.contains("No trial has a result yet.") && !page.contains("Trials over budget"));
}

#[test]
fn a_map_of_formats_shows_the_walk_over_them() {
    let mut answer = sample::answer(96, 8, 2);
    answer.embedding = Some(sample::embedding(&answer));
    let page = page(&answer);
    assert!(page.contains("<h2>Map of formats</h2>"));
    for step in &answer.embedding.unwrap().steps {
        assert!(page.contains(&format!("{}: ", step.format)), "{}", step.format);
    }
}

#[test]
fn a_search_over_nets_is_drawn_with_every_candidate_and_lists_what_was_trained() {
    let mut answer = sample::answer(96, 8, 2);
    let by = |by| NetAlgorithm::Proxies { by };
    for (algorithm, promised) in [
        (by(Promise::Naswot), Some("naswot of the untrained net")),
        (by(Promise::Ranks), Some("minus the mean rank")),
        (by(Promise::Parameters), Some("parameters of the untrained net")),
        (NetAlgorithm::Predictor {}, Some("accuracy that was expected")),
        (NetAlgorithm::Random {}, None),
    ] {
        let facts = sample::nets(36, algorithm);
        answer.nets = Some(facts.clone());
        let page = page(&answer);
        for heading in [
            "Search over nets",
            "Accuracy of nets over inference time",
            "Nets, training after training",
            "Curves of the nets",
            "Trained nets",
        ] {
            assert!(page.contains(&format!("<h2>{heading}</h2>")), "{heading}");
        }
        let heading = page.contains("<h2>What was promised and what came of it</h2>");
        assert_eq!(heading, promised.is_some(), "{algorithm:?}");
        assert!(promised.is_none_or(|title| page.contains(title)), "{algorithm:?}");
        for at in 0..facts.candidates.len() {
            assert!(page.contains(&format!("<title>net {at}")), "net {at}");
        }
        let rows = page.matches("<td class=\"l\">net ").count();
        assert_eq!(rows, facts.budget.trainings.unwrap() as usize);
        assert!(page.contains("<pre>[net]\n") && page.contains("width = 16"));
        assert!(page.contains("(too slow)") && page.contains("(not chosen)"));
        let name = algorithm.to_string().replace(' ', "-");
        write(&format!("report-sample-nets-{name}.html"), &page);
    }
}

#[test]
fn a_search_over_nets_that_has_trained_none_says_so() {
    let mut answer = sample::answer(96, 8, 2);
    let mut facts = sample::nets(2, NetAlgorithm::Random {});
    facts.is_over = false;
    answer.nets = Some(facts.clone());
    let untrained = page(&answer);
    assert!(untrained.contains("No net has been trained yet.") && !untrained.contains("Trained nets"));
    // Nor has one that is only measured now, nor one without a budget of time.
    facts.time_us = None;
    for candidate in &mut facts.candidates {
        candidate.time_us = None;
    }
    answer.nets = Some(facts);
    assert!(page(&answer).contains("2 to measure"));
    // What is no number has no place.
    let mut odd = sample::nets(12, NetAlgorithm::Random {});
    odd.candidates[0].accuracy = Some(f64::NAN);
    odd.candidates[1].time_us = Some(f64::INFINITY);
    answer.nets = Some(odd);
    page(&answer);
}
