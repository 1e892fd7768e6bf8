//! The chain: rounds of sampled buckets, each round's formats linked densest to sparsest.
//!
//! A round is decided only when every training of the rounds before has ended, so the trainings of a build do not
//! depend on the order in which workers finish. What is compared with the chain trains the formats of each round too, and
//! decides nothing.

use super::{Known, Planned, Stage, Standing, columns, training};
use imgcalc_shared::bucket::{Buckets, next_round};
use imgcalc_shared::build::Build;
use imgcalc_shared::chain::{Link, Strategy, extend};
use imgcalc_shared::explore::{Findings, TrainedLink};
use imgcalc_shared::format::{Family, Format, spread};
use imgcalc_shared::task::{Input, Outcome, TaskId};
use std::collections::{BTreeMap, BTreeSet};

/// What the stage wants.
pub(super) struct Chain {
    /// Columns and trainings, in order of work.
    pub(super) tasks: Vec<Planned>,
    /// Trainings in all, known and still to be chosen.
    pub(super) expected: usize,
    /// Whether no round is left to decide.
    pub(super) complete: bool,
    /// Rounds that are not decided yet, as far as can be told.
    pub(super) rounds_left: usize,
    /// Where the columns stand that are planned.
    pub(super) columns: BTreeMap<Family, Standing>,
}

struct Walk<'a> {
    build: &'a Build,
    known: Known<'a>,
    tasks: Vec<Planned>,
    columns: BTreeMap<Family, Standing>,
    feasible: &'a [Format],
    /// The build's own strategy, then those compared with it.
    tracks: Vec<Track>,
    /// Trainings that are planned: two strategies may want the same.
    planned: BTreeSet<TaskId>,
}

/// What one strategy trains.
struct Track {
    strategy: Strategy,
    stage: Stage,
    /// In the order in which they are trained; those that failed for good are not among them.
    formats: Vec<Format>,
    tasks: BTreeMap<Format, TaskId>,
}

/// Walks round by round as far as results reach. Every profile has ended.
pub(super) fn tasks(build: &Build, feasible: &[Format], known: Known, findings: &mut Findings) -> Chain {
    let times: Vec<(Format, f64)> = feasible
        .iter()
        .filter_map(|&format| Some((format, findings.time_us(build, format)?)))
        .collect();
    let buckets = Buckets::cut(&times, usize::from(build.buckets));
    let mut walk = Walk {
        build,
        known,
        tasks: Vec::new(),
        columns: BTreeMap::new(),
        feasible,
        tracks: tracks(build),
        planned: BTreeSet::new(),
    };
    let wanted = usize::from(build.buckets_sampled);
    let mut sampled: Vec<(usize, Option<f64>)> = Vec::new();
    let mut expected = 0;
    let complete = loop {
        let round = next_round(build.choice, build.choice_seed, buckets.len(), wanted, &sampled);
        if round.is_empty() {
            break true;
        }
        let number = findings
            .sampled
            .iter()
            .map(|(_, round)| *round)
            .max()
            .unwrap_or(0)
            + 1;
        findings
            .sampled
            .extend(round.iter().map(|&bucket| (bucket, number)));
        let formats: Vec<Format> = round
            .iter()
            .flat_map(|&bucket| chosen(build, &buckets, bucket))
            .collect();
        expected += formats.len();
        if !walk.round(number, &formats, findings) {
            break false;
        }
        let best = |bucket: usize| {
            let inside = findings
                .chain
                .iter()
                .filter(|link| buckets.formats(bucket).contains(&link.link.format));
            inside.map(|link| link.trained.accuracy).max_by(f64::total_cmp)
        };
        sampled.extend(round.iter().map(|&bucket| (bucket, best(bucket))));
    };
    // Whatever is left after the first round comes bucket by bucket.
    let rounds_left = wanted.min(buckets.len()) - findings.sampled.len();
    expected +=
        rounds_left * usize::from(build.formats_per_bucket).min(feasible.len() / buckets.len().max(1));
    findings.buckets = Some(buckets);
    Chain {
        tasks: walk.tasks,
        expected,
        complete,
        rounds_left,
        columns: walk.columns,
    }
}

/// The formats to train in a bucket: spread over it, starting from its densest.
fn chosen(build: &Build, buckets: &Buckets, bucket: usize) -> Vec<Format> {
    let mut formats = buckets.formats(bucket).to_vec();
    formats.sort_by(|a, b| a.density_order(*b));
    spread(&formats, usize::from(build.formats_per_bucket))
}

fn tracks(build: &Build) -> Vec<Track> {
    let track = |strategy: Strategy, stage: Stage| Track {
        strategy,
        stage,
        formats: Vec::new(),
        tasks: BTreeMap::new(),
    };
    let compared = build.compared.iter();
    let compared = compared.map(|&strategy| track(strategy, Stage::Compared));
    std::iter::once(track(build.strategy, Stage::Chain))
        .chain(compared)
        .collect()
}

impl Walk<'_> {
    /// Plans a round by every strategy; whether all of it that is the build's own has ended.
    fn round(&mut self, number: usize, formats: &[Format], findings: &mut Findings) -> bool {
        let mut ended = true;
        for at in 0..self.tracks.len() {
            let Track { strategy, stage, .. } = self.tracks[at];
            let trained = self.tracks[at].formats.clone();
            extend(
                strategy,
                &trained,
                formats,
                usize::from(self.build.segments),
                |link| {
                    let standing = self.link(at, link, number, findings);
                    ended &=
                        stage != Stage::Chain || matches!(standing, Standing::Done | Standing::Quarantined);
                    // A link that failed for good is no ancestor: those after it start from the nearest one that did
                    // train. They cannot have started before, since they wait for it.
                    standing != Standing::Quarantined
                },
            );
        }
        ended
    }

    /// Plans one link of a track; where it stands.
    fn link(&mut self, at: usize, link: Link, number: usize, findings: &mut Findings) -> Standing {
        let columns = self.columns(link.format.family(), findings);
        let track = &mut self.tracks[at];
        let missing = match track.stage {
            Stage::Chain => format!("the training of {}", link.format),
            _ => format!("the training of {} ({})", link.format, track.strategy.words()),
        };
        if columns == Standing::Quarantined {
            if track.stage == Stage::Chain {
                findings.missing.push(missing);
            }
            return columns;
        }
        let parent = link.parent.and_then(|parent| track.tasks.get(&parent)).copied();
        let parent_done = parent.is_none_or(|id| self.known.results.contains_key(&id));
        let task = training(self.build, Input::Format(link.format), parent, findings.batch);
        let id = task.id();
        let standing = self.known.standing(id, columns == Standing::Done && parent_done);
        if self.planned.insert(id) {
            self.tasks.push(Planned::new(id, task, track.stage, standing));
            if standing == Standing::Quarantined {
                findings.missing.push(missing);
            }
        }
        if standing == Standing::Quarantined {
            return standing;
        }
        track.formats.push(link.format);
        track.tasks.insert(link.format, id);
        if let Some(Outcome::Train(trained)) = self.known.results.get(&id) {
            let done = TrainedLink {
                link,
                round: number,
                trained: trained.clone(),
            };
            match at.checked_sub(1) {
                None => findings.chain.push(done),
                Some(other) => findings.compared[other].1.push(done),
            }
        }
        standing
    }

    /// Where the columns of a family stand; plans them when a training first needs them.
    fn columns(&mut self, family: Family, findings: &mut Findings) -> Standing {
        if let Some(&standing) = self.columns.get(&family) {
            return standing;
        }
        let task = columns(self.build, self.feasible, family);
        let id = task.id();
        let standing = self.known.standing(id, true);
        if standing == Standing::Quarantined {
            findings.missing.push(format!("the columns of {family}"));
        }
        self.tasks.push(Planned::new(id, task, Stage::Columns, standing));
        self.columns.insert(family, standing);
        standing
    }
}
