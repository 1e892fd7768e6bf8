//! The chain: rounds of sampled buckets, each round's formats linked densest to sparsest.
//!
//! A round is decided only when every training of the rounds before has ended, so the trainings of a build do not
//! depend on the order in which workers finish. What is compared with the chain trains the formats of each round too, and
//! decides nothing.
//!
//! Where formats are found by embedding there is one such round: the formats of the walk.
//!
//! Refinements that were asked for since are rounds of their own after those, one by one in the order in which they were
//! asked for: no earlier training depends on them. They are the build's own strategy's alone.

use super::embedding::{self, Walked};
use super::{Known, Planned, Stage, Standing, columns, training};
use imgcalc_shared::bucket::{Buckets, next_round};
use imgcalc_shared::build::{Amendment, Build};
use imgcalc_shared::chain::{Link, Strategy, extend};
use imgcalc_shared::embedding::EmbeddingSearch;
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
    /// The same of the rounds alone that are no refinements: what follows from the chain follows from them.
    pub(super) sampled: bool,
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
    /// Formats of all rounds so far.
    given: BTreeSet<Format>,
}

/// How far the rounds are that are no refinements.
struct Rounds {
    /// Whether all of them have ended.
    complete: bool,
    /// Formats of them, known and still to be chosen.
    expected: usize,
    /// Rounds that are not decided yet, as far as can be told.
    left: usize,
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
        given: BTreeSet::new(),
    };
    let rounds = match &build.embedding {
        None => walk.sample(&buckets, findings),
        Some(search) => walk.along(search, &buckets, findings),
    };
    let Rounds {
        mut complete,
        mut expected,
        left: mut rounds_left,
    } = rounds;
    let sampled = complete;
    let per_bucket = usize::from(build.formats_per_bucket).max(1);
    for amendment in &build.amendments {
        let (bucket, formats) = match amendment {
            Amendment::Refine { bucket, formats } => {
                let bucket = usize::from(*bucket);
                (bucket, refined(&buckets, bucket, *formats, &walk.given))
            }
            Amendment::Budget(_) | Amendment::Slots { .. } => continue,
        };
        if formats.is_empty() {
            continue;
        }
        expected += formats.len();
        walk.given.extend(&formats);
        if !complete {
            // A round of it takes as long as so many of sampled buckets.
            rounds_left += formats.len().div_ceil(per_bucket);
            continue;
        }
        let number = findings.next_round();
        findings.refined.push((bucket, number));
        if findings.sampled.iter().all(|(sampled, _)| *sampled != bucket) {
            findings.sampled.push((bucket, number));
        }
        complete = walk.own_round(number, &formats, findings);
    }
    findings.buckets = Some(buckets);
    Chain {
        tasks: walk.tasks,
        expected,
        complete,
        sampled,
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

/// The formats that a refinement adds to those `given` to earlier rounds, spread over what is left of the bucket: as
/// many as make `wanted` in all. Which of those given failed does not matter, so that a round is the same however it
/// is come to.
fn refined(buckets: &Buckets, bucket: usize, wanted: Option<u16>, given: &BTreeSet<Format>) -> Vec<Format> {
    // There may be fewer buckets than the build asks for: never more than formats with a profile.
    if bucket >= buckets.len() {
        return Vec::new();
    }
    let inside = buckets.formats(bucket);
    let mut left: Vec<Format> = inside
        .iter()
        .copied()
        .filter(|format| !given.contains(format))
        .collect();
    left.sort_by(|a, b| a.density_order(*b));
    let before = inside.len() - left.len();
    let more = wanted.map_or(left.len(), |wanted| usize::from(wanted).saturating_sub(before));
    // Of all of them none need be picked, which takes its time where they are many.
    if more >= left.len() {
        left
    } else {
        spread(&left, more)
    }
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
    /// Rounds of sampled buckets.
    fn sample(&mut self, buckets: &Buckets, findings: &mut Findings) -> Rounds {
        let build = self.build;
        let wanted = usize::from(build.buckets_sampled);
        let mut sampled: Vec<(usize, Option<f64>)> = Vec::new();
        let mut expected = 0;
        let complete = loop {
            let round = next_round(build.choice, build.choice_seed, buckets.len(), wanted, &sampled);
            if round.is_empty() {
                break true;
            }
            let number = findings.next_round();
            findings
                .sampled
                .extend(round.iter().map(|&bucket| (bucket, number)));
            let formats: Vec<Format> = round
                .iter()
                .flat_map(|&bucket| chosen(build, buckets, bucket))
                .collect();
            expected += formats.len();
            self.given.extend(&formats);
            if !self.round(number, &formats, findings) {
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
        let left = wanted.min(buckets.len()) - findings.sampled.len();
        let per_bucket = usize::from(build.formats_per_bucket).max(1);
        expected += left * per_bucket.min(self.feasible.len() / buckets.len().max(1));
        Rounds {
            complete,
            expected,
            left,
        }
    }

    /// One round: the formats a walk over their vectors comes to, where they are to be trained at all.
    fn along(&mut self, search: &EmbeddingSearch, buckets: &Buckets, findings: &mut Findings) -> Rounds {
        let (planned, walked) = embedding::walk(self.build, search, self.feasible, self.known, findings);
        self.tasks.push(planned);
        let verified = if search.verify { buckets.len() } else { 0 };
        match walked {
            Walked::Waits => Rounds {
                complete: false,
                expected: verified,
                left: verified.div_ceil(usize::from(self.build.formats_per_bucket).max(1)),
            },
            Walked::To(formats) if search.verify => {
                let of = |format: &Format| {
                    let mut inside = buckets.iter();
                    inside
                        .find(|(_, other)| other == format)
                        .map(|(bucket, _)| bucket)
                };
                let visited: BTreeSet<usize> = formats.iter().filter_map(of).collect();
                findings
                    .sampled
                    .extend(visited.into_iter().map(|bucket| (bucket, 1)));
                self.given.extend(&formats);
                Rounds {
                    complete: self.round(1, &formats, findings),
                    expected: formats.len(),
                    left: 0,
                }
            }
            Walked::To(_) | Walked::Failed => Rounds {
                complete: true,
                expected: 0,
                left: 0,
            },
        }
    }

    /// Plans a round by every strategy; whether all of it that is the build's own has ended.
    fn round(&mut self, number: usize, formats: &[Format], findings: &mut Findings) -> bool {
        let ended = self.own_round(number, formats, findings);
        for at in 1..self.tracks.len() {
            self.round_of(at, number, formats, findings);
        }
        ended
    }

    /// Plans a round by the build's own strategy; whether all of it has ended.
    fn own_round(&mut self, number: usize, formats: &[Format], findings: &mut Findings) -> bool {
        self.round_of(0, number, formats, findings)
    }

    fn round_of(&mut self, at: usize, number: usize, formats: &[Format], findings: &mut Findings) -> bool {
        let strategy = self.tracks[at].strategy;
        let trained = self.tracks[at].formats.clone();
        let segments = usize::from(self.build.segments);
        let mut ended = true;
        extend(strategy, &trained, formats, segments, |link| {
            let standing = self.link(at, link, number, findings);
            ended &= matches!(standing, Standing::Done | Standing::Quarantined);
            // A link that failed for good is no ancestor: those after it start from the nearest one that did train.
            // They cannot have started before, since they wait for it.
            standing != Standing::Quarantined
        });
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
