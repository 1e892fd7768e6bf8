//! People: one who submits and directs builds, and one who only looks.

use super::World;
use super::ask::{Answer, Ask};
use super::world::{Caller, Event};
use crate::leader::LeaderError;
use crate::ledger::{BuildPhase, Wanted};
use crate::replica::PeerId;
use imgcalc_shared::build::{Amendment, Build, BuildId};

/// Some people are hasty: what one was told by a new leader another asks the old one.
const CALL_LIMITS_MS: [u64; 2] = [300, 2_000];

pub(super) struct Person {
    directs: bool,
    at: PeerId,
    call: Option<u64>,
    /// What is asked until somebody answers.
    wish: Option<Ask>,
    builds: Vec<Build>,
    submitted: usize,
    /// Every build ended, and nothing of it is given up.
    pub(super) content: bool,
    /// Builds that are still to be looked at before that is known.
    unseen: Vec<BuildId>,
}

impl World {
    pub(super) fn add_person(&mut self, directs: bool, builds: Vec<Build>) {
        let number = self.persons.len();
        self.persons.push(Person {
            directs,
            at: 1,
            call: None,
            wish: None,
            builds,
            submitted: 0,
            content: false,
            unseen: Vec::new(),
        });
        self.after(1, Event::Person(number));
    }

    pub(super) fn builds_of_persons(&self) -> impl Iterator<Item = &Build> {
        let directs = self.persons.iter().filter(|person| person.directs);
        directs.flat_map(|person| &person.builds)
    }

    pub(super) fn wake_person(&mut self, number: usize) {
        if self.persons[number].call.is_some() {
            return;
        }
        if self.persons[number].wish.is_none() {
            self.persons[number].wish = self.wish(number);
        }
        let peers = self.living_peers();
        let person = &mut self.persons[number];
        let Some(ask) = person.wish.clone() else {
            let wait = self.dice.between(50, 1_500);
            return self.after(wait, Event::Person(number));
        };
        // Who only looks asks anybody: also one who was cut off and does not know yet that another leads.
        if !person.directs && self.dice.chance(500) {
            person.at = self.dice.pick(&peers);
        }
        let (at, limit) = (person.at, self.dice.pick(&CALL_LIMITS_MS));
        let call = self.call(Caller::Person(number), at, ask, limit);
        self.persons[number].call = Some(call);
    }

    fn wish(&mut self, number: usize) -> Option<Ask> {
        let person = &mut self.persons[number];
        if person.directs && person.submitted < person.builds.len() && (self.healed || self.dice.chance(600))
        {
            person.submitted += 1;
            return Some(Ask::Submit(Box::new(person.builds[person.submitted - 1].clone())));
        }
        if self.healed {
            return match person.unseen.pop() {
                Some(build) => Some(Ask::View(build)),
                None => Some(Ask::Overview),
            };
        }
        let submitted = self
            .persons
            .iter()
            .map(|person| person.submitted)
            .max()
            .unwrap_or(0);
        let person = &self.persons[number];
        let look = !person.directs || submitted == 0 || self.options.calm;
        let build = self.persons[0].builds[self.dice.below(submitted.max(1) as u64) as usize].clone();
        let id = build.id();
        let worker = self.dice.below(self.workers.len() as u64) as usize;
        Some(match self.dice.below(if look { 3 } else { 16 }) {
            0 | 1 => Ask::Overview,
            2 if submitted > 0 => Ask::View(id),
            3 | 4 => Ask::Direct(id, Wanted::Pause),
            5..8 => Ask::Direct(id, Wanted::Run),
            8 => Ask::Direct(id, Wanted::Cancel),
            9..11 => Ask::Submit(Box::new(build)),
            11 => Ask::Retry(id),
            13 => {
                let formats = self.dice.chance(500).then_some(3);
                let bucket = self.dice.below(u64::from(build.buckets)) as u16;
                Ask::Amend(id, Amendment::Refine { bucket, formats })
            }
            12 => Ask::Drain(self.workers[worker].name().into(), self.dice.chance(300)),
            _ => return None,
        })
    }

    pub(super) fn person_answered(&mut self, number: usize, call: u64, said: Result<Answer, LeaderError>) {
        let peers = self.living_peers();
        let person = &mut self.persons[number];
        if person.call != Some(call) {
            return;
        }
        person.call = None;
        let wait = match said {
            Ok(answer) => {
                person.wish = None;
                if self.healed {
                    self.judge(number, answer);
                }
                self.dice.between(10, self.options.pace.look_ms_max)
            }
            Err(LeaderError::Refused(_)) => {
                person.wish = None;
                50
            }
            Err(LeaderError::NotLeader { .. } | LeaderError::Stopped(_)) => {
                person.at = self.dice.pick(&peers);
                self.dice.between(20, 300)
            }
        };
        self.after(wait, Event::Person(number));
    }

    /// After everything was healed whoever directs sees to it that every build ends.
    fn judge(&mut self, number: usize, answer: Answer) {
        let person = &mut self.persons[number];
        if !person.directs {
            return;
        }
        match answer {
            Answer::Overview(overview) => {
                let ended = |phase: &BuildPhase| matches!(phase, BuildPhase::Ended { .. });
                let stopped = overview
                    .builds
                    .iter()
                    .find(|build| matches!(build.phase, BuildPhase::Paused | BuildPhase::Cancelled));
                if let Some(stopped) = stopped {
                    let build = person.builds.iter().find(|build| build.id() == stopped.id);
                    person.wish = build.map(|build| Ask::Submit(Box::new(build.clone())));
                } else if overview.builds.len() == person.builds.len()
                    && overview.builds.iter().all(|build| ended(&build.phase))
                {
                    person.content = true;
                    person.unseen = overview.builds.into_iter().map(|build| build.id).collect();
                }
            }
            Answer::View(view) if !view.quarantined.is_empty() => {
                person.content = false;
                person.wish = Some(Ask::Retry(view.id));
            }
            _ => {}
        }
    }

    /// Whether every build ended and whoever directs has looked at each.
    pub(super) fn all_ended(&self) -> bool {
        let content = |person: &Person| {
            !person.directs
                || person.content
                    && person.unseen.is_empty()
                    && person.call.is_none()
                    && person.wish.is_none()
        };
        self.persons.iter().all(content)
    }
}
