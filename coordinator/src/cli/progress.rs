//! Live progress of a build on stderr: bars on a terminal, lines elsewhere.

use super::output::percent;
use super::{net_search, units};
use crate::plan::{Plan, Stage};
use crate::view::{Account, BuildView, Running};
use imgcalc_shared::build::Build;
use imgcalc_shared::chain::Strategy;
use imgcalc_shared::explore::BytesRead;
use imgcalc_shared::task::{Input, Outcome, Task};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;

/// Shows views of a build as they come.
pub(super) struct Watch {
    bars: Option<Bars>,
    /// Results that were there or have been told of.
    told: Option<BTreeSet<imgcalc_shared::task::TaskId>>,
    stages: BTreeMap<Stage, (usize, usize)>,
}

struct Bars {
    all: MultiProgress,
    summary: ProgressBar,
    running: Vec<ProgressBar>,
}

impl Watch {
    pub(super) fn new() -> Watch {
        let bars = std::io::stderr().is_terminal().then(|| {
            let all = MultiProgress::new();
            let style = ProgressStyle::with_template("{spinner} {elapsed} {bar:30} {pos}/{len} {wide_msg}");
            let summary = all
                .add(ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())));
            summary.enable_steady_tick(std::time::Duration::from_millis(250));
            Bars {
                all,
                summary,
                running: Vec::new(),
            }
        });
        Watch {
            bars,
            told: None,
            stages: BTreeMap::new(),
        }
    }

    /// Prints a line beside the bars.
    pub(super) fn say(&self, line: &str) {
        match &self.bars {
            Some(bars) => bars.summary.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    pub(super) fn show(&mut self, view: &BuildView) {
        let plan = view.plan();
        self.tell_finished(view, &plan);
        let left = time_left(&view.build, &plan, view)
            .map(|seconds| format!(", about {} left", units::duration(seconds)));
        let left = left.unwrap_or_default();
        let Some(bars) = &mut self.bars else { return };
        let (done, expected) = crate::view::counts(&plan);
        bars.summary.set_length(expected as u64);
        bars.summary.set_position(done as u64);
        let read = units::bytes(bytes_read(view) as f64);
        bars.summary
            .set_message(format!("{}, columns read {read}{left}", stage_words(&plan)));
        while bars.running.len() < view.running.len() {
            let line = ProgressBar::new_spinner().with_style(
                ProgressStyle::with_template("  {wide_msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
            bars.running.push(bars.all.add(line));
        }
        for (index, bar) in bars.running.iter().enumerate() {
            bar.set_message(view.running.get(index).map(running_words).unwrap_or_default());
        }
    }

    /// A line for every training that finished since the last look, and, without a terminal, for stages that end.
    fn tell_finished(&mut self, view: &BuildView, plan: &Plan) {
        let first = self.told.is_none();
        let mut told = self.told.take().unwrap_or_default();
        for planned in &plan.tasks {
            let Some(outcome) = view.results.get(&planned.id) else {
                continue;
            };
            if !told.insert(planned.id) || first {
                continue;
            }
            if let Outcome::Train(trained) = outcome {
                let (accuracy, seconds) = (percent(Some(trained.accuracy)), units::duration(trained.seconds));
                let left = time_left(&view.build, plan, view)
                    .map(|seconds| format!(", about {} left", units::duration(seconds)))
                    .unwrap_or_default();
                let chain = plan.progress(Stage::Chain).0;
                let count = match planned.stage {
                    Stage::Trials => trial_count(plan),
                    Stage::Nets => net_search::stage_words(plan).unwrap_or_default(),
                    _ => format!("{chain}/{} of the chain", plan.chain_expected),
                };
                let what = match net_search::of_task(plan, planned.id) {
                    Some((at, candidate)) => format!("train net {at}, {}", candidate.words()),
                    None => planned.task.to_string(),
                };
                self.say(&format!(
                    "{what}: accuracy {accuracy}, loss {:.3}, {seconds} ({count}{left})",
                    trained.loss
                ));
            }
        }
        self.told = Some(told);
        if self.bars.is_some() {
            return;
        }
        for stage in [Stage::Profile, Stage::Columns] {
            let now = plan.progress(stage);
            if self.stages.insert(stage, now) != Some(now) && now.0 == now.1 && now.1 > 0 {
                let name = if stage == Stage::Profile {
                    "profile"
                } else {
                    "columns"
                };
                eprintln!("{name}: {} of {} done", now.0, now.1);
            }
        }
        if let Some(facts) = &plan.findings.nets {
            let now = (facts.measured, facts.candidates.len());
            if self.stages.insert(Stage::Nets, now) != Some(now) && now.0 == now.1 {
                eprintln!("nets: {} candidates measured, {} fast enough", now.0, facts.fit);
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(bars) = &self.bars {
            let _ = bars.all.clear();
        }
    }
}

/// Where the stages stand, in words.
pub(super) fn stage_words(plan: &Plan) -> String {
    let (profiled, profiles) = plan.progress(Stage::Profile);
    if profiled < profiles {
        return format!("profiling {profiled}/{profiles}");
    }
    let embedding = plan.progress(Stage::Embedding);
    if embedding.0 < embedding.1 {
        return "embedding formats".into();
    }
    let (trained, _) = plan.progress(Stage::Chain);
    let (baseline, baselines) = plan.progress(Stage::Baseline);
    let compared = match plan.findings.compared.len() {
        0 => String::new(),
        // Of what is known so far: what two strategies share is trained once.
        _ => {
            let (trained, known) = plan.progress(Stage::Compared);
            format!("compared {trained}/{known}, ")
        }
    };
    let trials = match (&plan.findings.hyper, plan.trials_unknown) {
        (None, 0) => String::new(),
        (None, trials) => format!("trials 0/{trials}, "),
        (Some(found), more) => {
            let started = found.facts.trials.len();
            format!("trials {started}/{}, ", started + more)
        }
    };
    let nets = net_search::stage_words(plan).map_or(String::new(), |words| format!("{words}, "));
    format!(
        "chain {trained}/{}, {compared}{nets}{trials}baseline {baseline}/{baselines}",
        plan.chain_expected
    )
}

/// How many trials there are, in words.
fn trial_count(plan: &Plan) -> String {
    let (ended, known) = plan.progress(Stage::Trials);
    match plan.trials_unknown {
        0 => format!("stretch {ended}/{known} of the trials"),
        more => format!("stretch {ended} of the trials, {more} trials to start"),
    }
}

/// A running attempt, in words.
pub(super) fn running_words(running: &Running) -> String {
    let mut words = format!("{}: {}", running.worker, running.what);
    if running.epochs > 0 {
        words += &format!(", epoch {}/{}", running.epoch, running.epochs);
        if let Some(loss) = running.loss {
            words += &format!(", loss {loss:.3}");
        }
        if running.accuracy.is_some() {
            words += &format!(", accuracy {}", percent(running.accuracy));
        }
        words += &format!(", {:.0} images/s", running.images_per_second);
    }
    if let Some(account) = account_words(&running.account) {
        words += &format!(", read {account}");
    }
    words
}

/// What reading has cost, in words; none before the first request.
pub(super) fn account_words(account: &Account) -> Option<String> {
    let bytes = |bytes| units::bytes(bytes as f64);
    let requests = match account.requests {
        1 => "1 request".to_string(),
        many => format!("{many} requests"),
    };
    let mut words = format!("{} in {requests}", bytes(account.bytes_moved));
    if account.bytes_cached > 0 {
        words += &format!(", {} from the cache", bytes(account.bytes_cached));
    }
    (account.requests > 0 || account.bytes_cached > 0).then_some(words)
}

/// Bytes of columns that finished and running trainings read.
pub(super) fn bytes_read(view: &BuildView) -> u64 {
    let finished = view.results.values().map(|outcome| match outcome {
        Outcome::Train(trained) => trained.bytes_read,
        Outcome::Supernet(found) => found.bytes_read,
        _ => 0,
    });
    finished.sum::<u64>() + view.running.iter().map(|running| running.bytes_read).sum::<u64>()
}

/// Bytes that finished trainings on formats read, beside what they would have read without columns.
pub(super) fn bytes_beside(view: &BuildView, plan: &Plan) -> BytesRead {
    let trained = plan.tasks.iter().filter_map(|planned| {
        let Task::Train {
            input: Input::Format(format),
            ..
        } = planned.task
        else {
            return None;
        };
        match view.results.get(&planned.id) {
            Some(Outcome::Train(trained)) => Some((format, trained)),
            _ => None,
        }
    });
    BytesRead::of(&view.build, &plan.findings, trained)
}

/// The same in words, as far as it is known.
pub(super) fn bytes_words(bytes: &BytesRead) -> Option<String> {
    let beside = |other: Option<f64>, times: Option<f64>, what: &str| {
        Some(format!("{} {what} ({:.1}×)", units::bytes(other?), times?))
    };
    let own = beside(
        bytes.own_files,
        bytes.less_than_own_files(),
        "as files of each format",
    );
    let reference = bytes.reference.map_or(String::new(), |jpeg| format!("as {jpeg}"));
    let jpeg = beside(bytes.jpeg, bytes.less_than_jpeg(), &reference);
    let others: Vec<String> = own.into_iter().chain(jpeg).collect();
    let read = units::bytes(bytes.read as f64);
    (!others.is_empty()).then(|| {
        format!(
            "{read} by {} trainings on formats, instead of {}",
            bytes.trainings.len(),
            others.join(", ")
        )
    })
}

/// Seconds until the trainings are done, from what the finished ones took: known trainings by their cost, those
/// still to be chosen by the mean of the chosen. None before anything is trained.
pub(super) fn time_left(build: &Build, plan: &Plan, view: &BuildView) -> Option<f64> {
    let trainings = || {
        plan.tasks
            .iter()
            .filter(|planned| matches!(planned.task, Task::Train { .. }))
    };
    let seconds = |id| match view.results.get(id) {
        Some(Outcome::Train(trained)) => Some(trained.seconds),
        _ => None,
    };
    let (mut spent, mut cost_done, mut cost_left) = (0.0, 0.0, 0.0);
    for planned in trainings() {
        let cost = build.training_cost(&planned.task);
        match seconds(&planned.id) {
            Some(seconds) => {
                spent += seconds;
                cost_done += cost;
            }
            None => cost_left += cost,
        }
    }
    let chain: Vec<f64> = plan
        .findings
        .chain
        .iter()
        .map(|link| build.epoch_cost(build.shape(link.link.format)))
        .collect();
    let unknown = plan.chain_expected.saturating_sub(plan.progress(Stage::Chain).1) as f64;
    let mean = chain.iter().sum::<f64>() / chain.len().max(1) as f64;
    let strategies = std::iter::once(&build.strategy).chain(&build.compared);
    let epochs = strategies.map(|strategy| build.hyper(*strategy != Strategy::Scratch, None).epochs);
    let epochs: f64 = epochs.map(f64::from).sum();
    let nets = plan.findings.nets.iter().map(|nets| {
        let each = f64::from(nets.epochs) * build.epoch_cost(build.shape(nets.format));
        nets.trainings_unknown() as f64 * each
    });
    let unknown = unknown * mean * epochs + nets.sum::<f64>();
    (cost_done > 0.0).then(|| spent / cost_done * (cost_left + unknown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_told_in_words_once_something_was_read() {
        let account = Account::default();
        assert_eq!(account_words(&account), None);
        let one = Account {
            bytes_moved: 100,
            requests: 1,
            ..account
        };
        assert_eq!(account_words(&one).unwrap(), "100 B in 1 request");
        let many = Account {
            bytes_moved: 1_288_490_189,
            requests: 340,
            bytes_cached: 966_367_642,
            ..account
        };
        let expected = "1.20 GiB in 340 requests, 921.6 MiB from the cache";
        assert_eq!(account_words(&many).unwrap(), expected);
        let running = Running {
            worker: "w".into(),
            what: "train".into(),
            account: one,
            ..Running::default()
        };
        assert_eq!(running_words(&running), "w: train, read 100 B in 1 request");
    }
}
