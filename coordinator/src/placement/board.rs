//! The state of one placement: hosts, shares and claims, as they change with every assignment.

use super::{Busy, Last, Place, Problem, Ready, Share};
use imgcalc_shared::format::Family;
use imgcalc_shared::task::TaskId;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

pub(super) struct Board<'a> {
    problem: &'a Problem,
    shares: Vec<Share>,
    hosts: Vec<Host>,
    /// Of each place, the index of its host.
    host_of: Vec<usize>,
    /// Places that may get a task.
    free: Vec<usize>,
    claims: Claims,
    /// Places about to ask, by build and what they finished for it.
    returning: BTreeMap<(usize, TaskId), usize>,
    pub(super) assignments: Vec<(usize, usize)>,
}

#[derive(Clone, Copy, Default)]
struct Host {
    workers: usize,
    running: usize,
    profiling: bool,
    /// Kept for profiles.
    kept: bool,
}

/// How much of what a task needs a worker still holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Warmth {
    Cold,
    /// A runner of the build.
    Runner,
    /// And the columns.
    Columns,
    /// And the first weights.
    Weights,
}

/// Open tasks that would rather have a worker of each kind.
#[derive(Default)]
struct Claims {
    parents: BTreeMap<(usize, TaskId), usize>,
    families: BTreeMap<(usize, Family), usize>,
    builds: BTreeMap<usize, usize>,
}

impl<'a> Board<'a> {
    pub(super) fn of(problem: &'a Problem) -> Board<'a> {
        let mut names: HashMap<&str, usize> = HashMap::new();
        let mut hosts: Vec<Host> = Vec::new();
        let mut host_of = Vec::with_capacity(problem.places.len());
        for place in &problem.places {
            let at = *names.entry(&place.host).or_insert(hosts.len());
            if at == hosts.len() {
                hosts.push(Host::default());
            }
            hosts[at].workers += 1;
            hosts[at].running += usize::from(place.busy.is_some());
            hosts[at].profiling |= place.busy == Some(Busy::Profile);
            host_of.push(at);
        }
        let places = || problem.places.iter().enumerate();
        let is_free = |place: &Place| place.waiting && !place.closed && place.busy.is_none();
        let is_returning =
            |place: &Place| place.returning && !place.waiting && !place.closed && place.busy.is_none();
        let mut claims = Claims::default();
        for task in &problem.tasks {
            claims.count(task, |count| *count += 1);
        }
        Board {
            problem,
            shares: problem.builds.clone(),
            hosts,
            host_of,
            free: places()
                .filter(|(_, place)| is_free(place))
                .map(|(at, _)| at)
                .collect(),
            claims,
            returning: places()
                .filter(|(_, place)| is_returning(place))
                .filter_map(|(at, place)| place.last.map(|last| ((last.build, last.task), at)))
                .collect(),
            assignments: Vec::new(),
        }
    }

    pub(super) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Builds with the least come first.
    pub(super) fn turn(&self, build: usize) -> (usize, u64, usize) {
        (self.shares[build].held, self.shares[build].served, build)
    }

    /// Keeps a host of their class for the profiles among these tasks, if none measures or is kept.
    ///
    /// The host with the least to finish stays the one with the least, since nothing starts there: from one round to
    /// the next it is the same one or another with no more left, and so the profile's turn comes.
    pub(super) fn keep_hosts(&mut self, tasks: &[usize]) {
        let mut seen: HashSet<(Option<&str>, &str)> = HashSet::new();
        for &task in tasks.iter().filter(|task| self.problem.tasks[**task].exclusive) {
            // Where one may go, all of its kind may, but for those that some place must not get.
            let Ready { hardware, base, .. } = &self.problem.tasks[task];
            if !self.is_particular(task) && !seen.insert((hardware.as_deref(), base)) {
                continue;
            }
            let fitting = (0..self.problem.places.len()).filter(|place| self.fits(task, *place));
            let hosts: Vec<usize> = fitting.map(|place| self.host_of[place]).collect();
            let served = |host: &usize| self.hosts[*host].profiling || self.hosts[*host].kept;
            if hosts.iter().any(served) {
                continue;
            }
            let least = |host: &&usize| (self.hosts[**host].running, self.hosts[**host].workers, **host);
            if let Some(&host) = hosts.iter().min_by_key(least) {
                self.hosts[host].kept = true;
            }
        }
    }

    /// Gives a task to the best place there is now; whether there is one.
    pub(super) fn assign(&mut self, index: usize) -> bool {
        let task = &self.problem.tasks[index];
        self.claims.count(task, |count| *count -= 1);
        let comes_back = |parent| {
            let place = self.returning.get(&(task.build, parent));
            place.is_some_and(|place| self.fits(index, *place))
        };
        let best = if task.parent.is_some_and(comes_back) {
            None
        } else {
            let allowed = self.free.iter().filter(|place| self.allows(index, **place));
            allowed.copied().min_by_key(|place| self.preference(task, *place))
        };
        let Some(place) = best else {
            self.claims.count(task, |count| *count += 1);
            return false;
        };
        let host = &mut self.hosts[self.host_of[place]];
        host.running += 1;
        host.profiling |= task.exclusive;
        let served = self.shares.iter().map(|share| share.served).max().unwrap_or(0) + 1;
        let share = &mut self.shares[task.build];
        share.held += 1;
        share.served = served;
        self.free.retain(|free| *free != place);
        self.assignments.push((index, place));
        true
    }

    /// Smaller is better.
    fn preference(&self, task: &Ready, place: usize) -> impl Ord + use<> {
        let host = self.hosts[self.host_of[place]];
        let last = &self.problem.places[place].last;
        let held = last.map_or(Warmth::Cold, |last| Warmth::of(task, &last));
        let claimed = last.map_or(Warmth::Cold, |last| self.claims.on(&last));
        // A profile silences its host: better one that is kept for it anyway, or where few workers have to wait.
        let silenced = (
            task.exclusive && !host.kept,
            if task.exclusive { host.workers } else { 0 },
        );
        (silenced, Reverse(held), claimed, place)
    }

    /// Whether a task may ever go to a place.
    fn fits(&self, task: usize, place: usize) -> bool {
        let pair = (task, place);
        self.could(task, place)
            && (!self.problem.failed.contains(&pair)
                || (0..self.problem.places.len())
                    .all(|other| self.problem.failed.contains(&(task, other)) || !self.could(task, other)))
    }

    /// Whether there are places that must not or should not get a task.
    fn is_particular(&self, task: usize) -> bool {
        let pairs = (task, 0)..=(task, usize::MAX);
        self.problem.failed.range(pairs.clone()).next().is_some()
            || self.problem.excluded.range(pairs).next().is_some()
    }

    fn could(&self, index: usize, at: usize) -> bool {
        let (task, place) = (&self.problem.tasks[index], &self.problem.places[at]);
        let on_hardware = task
            .hardware
            .as_ref()
            .is_none_or(|class| **class == *place.hardware);
        let on_base = place.base.as_ref().is_none_or(|base| *base == task.base);
        !place.closed && on_hardware && on_base && !self.problem.excluded.contains(&(index, at))
    }

    /// Whether a task may go to a place now.
    fn allows(&self, task: usize, place: usize) -> bool {
        let host = self.hosts[self.host_of[place]];
        let quiet = if self.problem.tasks[task].exclusive {
            host.running == 0
        } else {
            !host.profiling && !host.kept
        };
        quiet && self.fits(task, place)
    }
}

impl Warmth {
    fn of(task: &Ready, last: &Last) -> Warmth {
        if last.build != task.build {
            Warmth::Cold
        } else if task.parent == Some(last.task) {
            Warmth::Weights
        } else if last.family.is_some() && task.family == last.family {
            Warmth::Columns
        } else {
            Warmth::Runner
        }
    }
}

impl Claims {
    fn count(&mut self, task: &Ready, change: impl Fn(&mut usize)) {
        if task.exclusive {
            return;
        }
        if let Some(parent) = task.parent {
            change(self.parents.entry((task.build, parent)).or_default());
        }
        if let Some(family) = task.family {
            change(self.families.entry((task.build, family)).or_default());
        }
        change(self.builds.entry(task.build).or_default());
    }

    /// The most any open task would find at a worker that did this last.
    fn on(&self, last: &Last) -> Warmth {
        let some = |count: Option<&usize>| count.is_some_and(|count| *count > 0);
        let family = last.family.map(|family| (last.build, family));
        if some(self.parents.get(&(last.build, last.task))) {
            Warmth::Weights
        } else if some(family.and_then(|family| self.families.get(&family))) {
            Warmth::Columns
        } else if some(self.builds.get(&last.build)) {
            Warmth::Runner
        } else {
            Warmth::Cold
        }
    }
}
