//! A search over nets: candidates are measured, looked at untrained or trained with shared weights where the
//! algorithm asks for that, and some are trained.

use super::chain::Chain;
use super::ground::{Ground, ground};
use super::{Known, Over, Planned, Stage, Standing};
use imgcalc_shared::build::Build;
use imgcalc_shared::explore::{Findings, NetCandidate, NetSearchFacts, NetStanding};
use imgcalc_shared::format::Format;
use imgcalc_shared::net::facts;
use imgcalc_shared::profile::InferenceTime;
use imgcalc_shared::search::{Chosen, NetSearch, Seen, Spent};
use imgcalc_shared::task::{Input, Outcome, Start, Task, TaskId};
use imgcalc_shared::training::Hyper;
use std::collections::BTreeMap;

/// What the stage wants.
pub(super) struct Nets {
    pub(super) tasks: Vec<Planned>,
    /// Whether nothing will follow.
    pub(super) complete: bool,
}

struct Walk<'a> {
    build: &'a Build,
    known: Known<'a>,
    search: NetSearch,
    spent: Spent,
    format: Format,
    columns: Standing,
    candidates: Vec<NetCandidate>,
    supernets: Vec<TaskId>,
    tasks: Vec<Planned>,
}

/// The tasks of the search, as far as results reach.
pub(super) fn tasks(
    build: &Build,
    feasible: &[Format],
    chain: &Chain,
    known: Known,
    findings: &mut Findings,
) -> Nets {
    let over = |complete| Nets {
        tasks: Vec::new(),
        complete,
    };
    let Some(search) = build.net_search() else {
        return over(true);
    };
    let stands = ("nets", search.format, search.time_us);
    let (format, columns, planned) = match ground(build, stands, feasible, chain, known, findings) {
        Ground::Waits => return over(false),
        Ground::None => return over(true),
        Ground::On {
            format,
            columns,
            planned,
        } => (format, columns, planned),
    };
    let mut walk = Walk {
        build,
        known,
        candidates: candidates(build, &search, format),
        search,
        spent: Spent::default(),
        supernets: Vec::new(),
        format,
        columns,
        tasks: planned.map(|planned| *planned).into_iter().collect(),
    };
    let complete = walk.all(findings);
    let tasks = std::mem::take(&mut walk.tasks);
    findings.nets = Some(walk.facts(complete));
    Nets { tasks, complete }
}

/// Tasks that may still follow those planned, before it is known which nets are fast enough all there may be.
pub(super) fn unknown(build: &Build, findings: &Findings) -> usize {
    let Some(search) = build.net_search() else {
        return 0;
    };
    let Some(facts) = &findings.nets else {
        let candidates = search.candidates as usize;
        let looks = if search.algorithm.needs_proxies() {
            candidates
        } else {
            0
        };
        return candidates + looks + search.trainings() as usize;
    };
    let is_measuring = facts.count(NetStanding::Unmeasured) > 0;
    let looks = match is_measuring && search.algorithm.needs_proxies() {
        true => facts.candidates.len(),
        false => 0,
    };
    looks + facts.trainings_unknown()
}

fn candidates(build: &Build, search: &NetSearch, format: Format) -> Vec<NetCandidate> {
    let classes = u16::try_from(build.classes).unwrap_or(u16::MAX);
    let candidate = |point| {
        let net = search.space.net(&point)?;
        // A net that cannot read the format's planes is no candidate.
        let counted = facts(&net, build.shape(format), classes).ok()?;
        Some(NetCandidate {
            point,
            net,
            parameters: counted.parameters,
            flops: counted.flops,
            time_us: None,
            proxies: None,
            supernet: None,
            reason: None,
            task: None,
            accuracy: None,
            test_accuracy: None,
            curve: Vec::new(),
            weights: None,
        })
    };
    search.pool().into_iter().filter_map(candidate).collect()
}

impl Walk<'_> {
    /// Plans stage after stage as far as results reach; whether nothing will follow.
    fn all(&mut self, findings: &mut Findings) -> bool {
        if !self.measure(findings) {
            return false;
        }
        let within = |candidate: &NetCandidate| {
            let time = candidate.time_us?;
            (time <= self.search.time_us.unwrap_or(f64::INFINITY)).then_some(time)
        };
        let fit: Vec<usize> = (0..self.candidates.len())
            .filter(|&at| within(&self.candidates[at]).is_some())
            .collect();
        if fit.is_empty() {
            findings.missing.push(self.nothing_fits());
            return true;
        }
        if self.search.algorithm.needs_proxies() && !self.look(&fit) {
            return false;
        }
        let supernet = self.search.algorithm.supernet_epochs(self.search.epochs);
        if supernet.is_some_and(|epochs| !self.share(&fit, epochs)) {
            return false;
        }
        self.train(&fit)
    }

    /// Plans the measurements; whether all have ended.
    fn measure(&mut self, findings: &Findings) -> bool {
        let build = self.build;
        let mut ended = true;
        for at in 0..self.candidates.len() {
            let task = Task::ProfileExecute {
                net: self.candidates[at].net.clone(),
                shape: build.shape(self.format),
                classes: build.classes,
                batch: build.batch,
                hardware: build.hardware.clone(),
            };
            let id = task.id();
            let standing = self.known.standing(id, true);
            if let (Some(Outcome::ProfileExecute(profile)), Some(access)) =
                (self.known.results.get(&id), findings.access.get(&self.format))
            {
                let time = InferenceTime::median(&access.batch, &profile.batch);
                self.candidates[at].time_us = Some(time.total_us());
            }
            ended &= self.want(task, standing);
        }
        ended
    }

    /// Plans looks at the candidates that are fast enough; whether all have ended.
    fn look(&mut self, fit: &[usize]) -> bool {
        let mut ended = true;
        for &at in fit {
            let hyper = self.hyper(self.search.epochs);
            let task = Task::Proxies {
                dataset: self.build.dataset,
                images: self.build.images,
                input: Input::Format(self.format),
                net: self.candidates[at].net.clone(),
                batch: hyper.batch_size.min(self.build.images.train),
                seed: hyper.seed,
                threads: self.build.threads,
            };
            let id = task.id();
            let standing = self.known.standing(id, self.columns == Standing::Done);
            if let Some(Outcome::Proxies(proxies)) = self.known.results.get(&id) {
                self.candidates[at].proxies = Some(*proxies);
            }
            ended &= self.want(task, standing);
        }
        ended
    }

    /// Plans, for the candidates of each name that are fast enough, a training with shared weights; whether all have ended.
    fn share(&mut self, fit: &[usize], epochs: u32) -> bool {
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for &at in fit {
            by_name
                .entry(self.candidates[at].net.name())
                .or_default()
                .push(at);
        }
        let by_name: Vec<Vec<usize>> = by_name.into_values().collect();
        let mut ended = true;
        for group in by_name {
            let task = Task::Supernet {
                dataset: self.build.dataset,
                images: self.build.images,
                input: Input::Format(self.format),
                nets: group.iter().map(|&at| self.candidates[at].net.clone()).collect(),
                hyper: self.hyper(epochs),
                threads: self.build.threads,
            };
            let id = task.id();
            let standing = self.known.standing(id, self.columns == Standing::Done);
            if let Some(Outcome::Supernet(found)) = self.known.results.get(&id) {
                for (at, &accuracy) in group.into_iter().zip(&found.accuracies) {
                    self.candidates[at].supernet = Some(accuracy);
                }
            }
            self.supernets.push(id);
            ended &= self.want(task, standing);
        }
        ended
    }

    /// Plans the trainings; whether there will be no more.
    fn train(&mut self, fit: &[usize]) -> bool {
        // What ends a round is known only once its trainings are planned, so it is gone through until nothing is new.
        let mut planned = 0;
        loop {
            let chosen = self.search.choose(&self.seen(fit));
            let allowed = self.allowed(chosen.len(), fit);
            let new = chosen.get(planned..allowed).unwrap_or_default();
            if new.is_empty() {
                break;
            }
            for Chosen { at, why } in new {
                let at = fit[*at];
                self.candidates[at].reason = Some(why.clone());
                self.training(at);
            }
            planned += new.len();
        }
        let trained = fit.iter().filter_map(|&at| self.candidates[at].task);
        let ended = |id| {
            matches!(
                self.known.standing(id, true),
                Standing::Done | Standing::Quarantined
            )
        };
        trained.into_iter().all(ended)
    }

    /// How many of those chosen the budget of hours allows. Where there is one, as many as are trained at once begin, and
    /// one more whenever one ends while hours are left; else all.
    fn allowed(&mut self, chosen: usize, fit: &[usize]) -> usize {
        let build = self.build.id();
        let of = |at: &usize| self.known.order.get(&self.candidates[*at].task?);
        let mut over: Vec<&Over> = fit.iter().filter_map(of).collect();
        over.sort_by_key(|over| over.place);
        let (wall, gpu) = (self.search.budget.wall_hours, self.search.budget.gpu_hours);
        let mut allowed = usize::from(self.search.parallel);
        self.spent = Spent::default();
        let supernets = self.supernets.iter().filter_map(|id| self.known.order.get(id));
        for took in supernets.filter_map(|over| over.took_for(&build)) {
            self.spent.add(took);
        }
        for over in over {
            over.took_for(&build)
                .into_iter()
                .for_each(|took| self.spent.add(took));
            allowed += usize::from(self.spent.is_within(wall, gpu));
        }
        if wall.is_none() && gpu.is_none() {
            return chosen;
        }
        allowed.min(chosen)
    }

    fn training(&mut self, at: usize) {
        let candidate = &self.candidates[at];
        let task = Task::Train {
            dataset: self.build.dataset,
            images: self.build.images,
            input: Input::Format(self.format),
            net: candidate.net.clone(),
            hyper: self.hyper(self.search.epochs),
            // Weights that a build starts from are of its own net.
            start: Start::Scratch,
            threads: self.build.threads,
            leg: None,
        };
        let id = task.id();
        let standing = self.known.standing(id, self.columns == Standing::Done);
        let candidate = &mut self.candidates[at];
        candidate.task = Some(id);
        if let Some(Outcome::Train(trained)) = self.known.results.get(&id) {
            candidate.accuracy = Some(trained.accuracy);
            candidate.test_accuracy = trained.test_accuracy;
            candidate.curve = trained.curve.clone();
            candidate.weights = Some(trained.weights.key.clone());
        }
        self.want(task, standing);
    }

    fn hyper(&self, epochs: u32) -> Hyper {
        Hyper {
            epochs,
            warmup_epochs: self.build.scratch.warmup_epochs.min(epochs / 2),
            ..self.build.scratch.clone()
        }
    }

    fn seen(&self, fit: &[usize]) -> Vec<Seen> {
        let seen = |&at: &usize| {
            let candidate = &self.candidates[at];
            let given_up = |id| self.known.quarantined.contains(&id);
            let result = match (candidate.accuracy, candidate.task) {
                (Some(accuracy), _) => Some(Some(accuracy)),
                (None, Some(task)) if given_up(task) => Some(None),
                _ => None,
            };
            Seen {
                point: candidate.point.clone(),
                parameters: candidate.parameters,
                flops: candidate.flops,
                proxies: candidate.proxies,
                supernet: candidate.supernet,
                result,
            }
        };
        fit.iter().map(seen).collect()
    }

    /// Plans a task; whether it has ended.
    fn want(&mut self, task: Task, standing: Standing) -> bool {
        let planned = Planned::new(task.id(), task, Stage::Nets, standing);
        let ended = planned.has_ended();
        self.tasks.push(planned);
        ended
    }

    fn nothing_fits(&self) -> String {
        let timed = self.candidates.iter().enumerate();
        let timed = timed.filter_map(|(at, candidate)| Some((candidate.time_us?, at, candidate)));
        let nearest = timed.min_by(|(a, ..), (b, ..)| a.total_cmp(b));
        match (nearest, self.search.time_us) {
            (Some((time, at, candidate)), Some(budget)) => format!(
                "the search over nets: search.nets.time_us = {budget}: no net is so fast on {}; the nearest, net {at} ({}), \
                 takes {time:.1} µs",
                self.format,
                candidate.words()
            ),
            _ => "the search over nets: no candidate could be measured".into(),
        }
    }

    fn facts(self, is_over: bool) -> NetSearchFacts {
        let budget = self.search.time_us.unwrap_or(f64::INFINITY);
        let timed = || self.candidates.iter().filter_map(|candidate| candidate.time_us);
        let trained = self.candidates.iter().enumerate();
        let trained =
            trained.filter_map(|(at, candidate)| Some((at, candidate.accuracy?, candidate.time_us?)));
        let best =
            trained.max_by(|(_, a, slow_a), (_, b, slow_b)| a.total_cmp(b).then(slow_b.total_cmp(slow_a)));
        NetSearchFacts {
            format: self.format,
            algorithm: self.search.algorithm,
            time_us: self.search.time_us,
            budget: self.search.budget,
            wall_seconds: self.spent.wall_seconds(),
            device_seconds: self.spent.device_seconds(),
            epochs: self.search.epochs,
            measured: timed().count(),
            fit: timed().filter(|time| *time <= budget).count(),
            best: best.map(|(at, ..)| at),
            candidates: self.candidates,
            is_over,
        }
    }
}
