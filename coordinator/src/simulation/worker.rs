//! Workers that follow the protocol of the real agent: one question at a time, results kept until somebody answers.

use super::World;
use super::ask::{Answer, Ask};
use super::peers::address;
use super::world::{Caller, Event};
use crate::leader::{Asked, LeaderError, Lease, Progress, WorkerFacts};
use crate::replica::PeerId;
use imgcalc_shared::task::{FailureClass, Outcome};

const HINTS_MAX: u32 = 3;

pub(super) struct SimWorker {
    name: String,
    host: String,
    /// Rises with every start.
    process: u64,
    pub(super) runs: bool,
    pub(super) paused_until_ms: u64,
    /// Which coordinator is asked.
    at: PeerId,
    hints: u32,
    registered: bool,
    drained: bool,
    sequence: u64,
    back_off_ms: u64,
    /// Its one question.
    call: Option<u64>,
    /// Its report on the way.
    beat: Option<u64>,
    next_beat_ms: u64,
    /// When it takes its next step.
    wakes_ms: u64,
    phase: Phase,
}

enum Phase {
    Idle,
    Working {
        lease: Box<Lease>,
        ends_ms: u64,
        stop: bool,
    },
    HandingOver {
        lease: Box<Lease>,
        result: Result<Outcome, FailureClass>,
    },
    Leaving,
}

impl SimWorker {
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl World {
    pub(super) fn add_worker(&mut self) {
        let number = self.workers.len();
        self.workers.push(SimWorker {
            name: format!("w{number}"),
            host: format!("h{}", number / 2),
            process: 0,
            runs: false,
            paused_until_ms: 0,
            at: 1,
            hints: 0,
            registered: false,
            drained: false,
            sequence: 0,
            back_off_ms: 100,
            call: None,
            beat: None,
            next_beat_ms: 0,
            wakes_ms: 0,
            phase: Phase::Idle,
        });
        self.start_worker(number);
    }

    pub(super) fn start_worker(&mut self, number: usize) {
        let worker = &mut self.workers[number];
        if worker.runs {
            return;
        }
        worker.process += 1;
        (worker.runs, worker.registered, worker.drained) = (true, false, false);
        (worker.call, worker.beat, worker.phase) = (None, None, Phase::Idle);
        worker.wakes_ms = 0;
        self.wake_by(number, self.now + 1);
    }

    /// Sees to it that a worker takes its next step by then; one step ahead of it is enough.
    fn wake_by(&mut self, number: usize, at_ms: u64) {
        let (now, worker) = (self.now, &mut self.workers[number]);
        if worker.wakes_ms <= now || at_ms < worker.wakes_ms {
            worker.wakes_ms = at_ms;
            let process = worker.process;
            self.at(at_ms, Event::Worker(number, process));
        }
    }

    pub(super) fn end_worker(&mut self, number: usize, down_ms: u64) {
        let worker = &mut self.workers[number];
        if let Phase::Working { lease, .. } | Phase::HandingOver { lease, .. } = &worker.phase {
            self.oracle.leaves(lease.token);
        }
        worker.runs = false;
        self.after(down_ms, Event::StartWorker(number));
    }

    /// The worker's next step; it wakes itself again as long as it lives.
    pub(super) fn wake_worker(&mut self, number: usize, process: u64) {
        let (now, worker) = (self.now, &mut self.workers[number]);
        // One that was overtaken by an earlier step is no longer meant.
        if !worker.runs || worker.process != process || worker.wakes_ms != now {
            return;
        }
        if worker.paused_until_ms > now {
            let until = worker.paused_until_ms;
            return self.wake_by(number, until);
        }
        if let Phase::Working { lease, ends_ms, stop } = &worker.phase
            && (*ends_ms <= now || *stop || worker.drained)
        {
            let lease = lease.clone();
            let result = if *ends_ms <= now {
                self.oracle.outcome_of(&lease)
            } else {
                Err(FailureClass::Preempted)
            };
            let result = match result {
                Ok(_) if !self.healed && self.dice.chance(self.trouble.fail_per_mille) => {
                    let classes = [FailureClass::Storage, FailureClass::Preempted];
                    Err(self.dice.pick(&classes))
                }
                Ok(_) if !self.healed && self.trouble.numeric > 0 && self.dice.chance(30) => {
                    self.trouble.numeric -= 1;
                    Err(FailureClass::Numeric)
                }
                result => result,
            };
            if result.is_err() {
                self.oracle.leaves(lease.token);
            }
            let worker = &mut self.workers[number];
            worker.phase = Phase::HandingOver { lease, result };
        }
        self.tell_progress(number);
        self.ask_next(number);
        let worker = &self.workers[number];
        let wait = match &worker.phase {
            // It is woken when its report is answered, or is not.
            Phase::Working { ends_ms, .. } if worker.beat.is_some() => (*ends_ms).max(now + 1) - now,
            Phase::Working { ends_ms, .. } => (*ends_ms).min(worker.next_beat_ms).max(now + 1) - now,
            _ => 500,
        };
        if worker.runs {
            self.wake_by(number, now + wait);
        }
    }

    fn tell_progress(&mut self, number: usize) {
        let (now, heartbeat) = (self.now, self.options.terms.heartbeat.as_millis() as u64);
        let worker = &mut self.workers[number];
        let Phase::Working { lease, .. } = &worker.phase else {
            return;
        };
        if worker.beat.is_some() || worker.next_beat_ms > now {
            return;
        }
        // While nothing can happen some reports are left out.
        let idle = now + heartbeat * self.options.pace.idle_heartbeats;
        worker.next_beat_ms = idle.min(self.stalls.stir_ms(now)).max(now + heartbeat);
        let progress = Progress {
            worker: worker.name.clone(),
            task: lease.task.id(),
            token: lease.token,
            epoch: 0,
            epochs: 1,
            loss: None,
            accuracy: None,
            images_per_second: 0.0,
            bytes_read: 0,
            account: None,
            log: String::new(),
        };
        let (peer, caller) = (worker.at, Caller::Worker(number, worker.process, true));
        let limit = self.options.pace.report_limit_ms;
        let call = self.call(caller, peer, Ask::Progress(Box::new(progress)), limit);
        self.workers[number].beat = Some(call);
    }

    fn ask_next(&mut self, number: usize) {
        let (pace, worker) = (self.options.pace, &mut self.workers[number]);
        if worker.call.is_some() {
            return;
        }
        let (name, mut limit) = (worker.name.clone(), pace.call_limit_ms);
        let ask = match &worker.phase {
            Phase::Working { .. } => return,
            Phase::HandingOver { lease, result } => match result {
                Ok(outcome) => {
                    let ask = Ask::Complete(lease.task.id(), lease.token, Box::new(outcome.clone()));
                    self.oracle.hands_in(lease.token, outcome);
                    ask
                }
                Err(class) => Ask::Fail(lease.task.id(), lease.token, *class, "fails".into()),
            },
            Phase::Leaving => Ask::Leave(name),
            Phase::Idle if !worker.registered => Ask::Register(WorkerFacts {
                name,
                host: worker.host.as_str().into(),
                hardware: "cpu".into(),
                base: None,
            }),
            Phase::Idle if worker.drained => {
                worker.phase = Phase::Leaving;
                Ask::Leave(name)
            }
            Phase::Idle => {
                worker.sequence += 1;
                limit += pace.lease_wait_ms;
                Ask::Lease(name, pace.lease_wait_ms, worker.sequence)
            }
        };
        let (peer, caller) = (worker.at, Caller::Worker(number, worker.process, false));
        let call = self.call(caller, peer, ask, limit);
        self.workers[number].call = Some(call);
    }

    pub(super) fn worker_answered(
        &mut self,
        number: usize,
        process: u64,
        beat: bool,
        call: u64,
        said: Result<Answer, LeaderError>,
    ) {
        let (now, pace) = (self.now, self.options.pace);
        let worker = &mut self.workers[number];
        let slot = if beat { &mut worker.beat } else { &mut worker.call };
        if !worker.runs || worker.process != process || *slot != Some(call) {
            return;
        }
        if worker.paused_until_ms > now {
            let until = worker.paused_until_ms;
            return self.at(
                until,
                Event::Answered(call, Caller::Worker(number, process, beat), said),
            );
        }
        *slot = None;
        let wait = match said {
            Ok(answer) => {
                (worker.hints, worker.back_off_ms) = (0, 100);
                self.worker_hears(number, answer);
                1
            }
            Err(LeaderError::NotLeader { leader: Some(hint) }) if self.follow(number, &hint) => 1,
            Err(_) => {
                let peers = self.living_peers();
                let worker = &mut self.workers[number];
                let next = peers.iter().find(|peer| **peer > worker.at);
                worker.at = *next.unwrap_or(&peers[0]);
                worker.back_off_ms = (worker.back_off_ms * 2).min(pace.back_off_ms_max);
                let step = worker.back_off_ms;
                self.dice.between(step / 2, step)
            }
        };
        // A report does not wait for its heartbeat when it was not heard.
        if beat && wait > 1 {
            self.workers[number].next_beat_ms = self.now + wait;
        }
        self.wake_by(number, self.now + wait);
    }

    fn follow(&mut self, number: usize, hint: &str) -> bool {
        let known = self.peers.keys().copied().find(|peer| address(*peer) == hint);
        let worker = &mut self.workers[number];
        match known {
            Some(at) if at != worker.at && worker.hints < HINTS_MAX => {
                (worker.hints, worker.at) = (worker.hints + 1, at);
                true
            }
            _ => {
                worker.hints = 0;
                false
            }
        }
    }

    fn worker_hears(&mut self, number: usize, answer: Answer) {
        let now = self.now;
        let worker = &mut self.workers[number];
        match answer {
            Answer::Asked(Asked::Lease(lease)) => {
                self.oracle.begins(lease.token);
                let work_ms = self.options.pace.work_ms(&mut self.dice, &lease.task);
                let worker = &mut self.workers[number];
                worker.next_beat_ms = now;
                let ends_ms = now + work_ms;
                worker.phase = Phase::Working {
                    lease,
                    ends_ms,
                    stop: false,
                };
            }
            Answer::Asked(Asked::UnknownWorker) => worker.registered = false,
            Answer::Asked(Asked::Drain) => worker.drained = true,
            Answer::Asked(Asked::Nothing) => {}
            Answer::Directive(directive) => {
                worker.drained |= directive.drain;
                if let Phase::Working { stop, lease, .. } = &mut worker.phase
                    && directive.stop.is_some()
                {
                    *stop = true;
                    self.oracle.leaves(lease.token);
                }
            }
            Answer::Done | Answer::Said(_) => match std::mem::replace(&mut worker.phase, Phase::Idle) {
                Phase::Idle => worker.registered = true,
                Phase::Leaving => {
                    let down_ms = self.dice.between(100, 3_000);
                    self.end_worker(number, down_ms);
                }
                Phase::HandingOver {
                    lease,
                    result: Ok(outcome),
                } => {
                    self.oracle.leaves(lease.token);
                    self.perhaps_again(number, &lease, outcome);
                }
                Phase::HandingOver { .. } => {}
                working @ Phase::Working { .. } => worker.phase = working,
            },
            Answer::Overview(_) | Answer::View(_) => unreachable!("no worker looks"),
        }
    }

    /// Some results are handed in once more, late.
    fn perhaps_again(&mut self, number: usize, lease: &Lease, outcome: Outcome) {
        if !self.healed && self.dice.chance(100) {
            let ask = Ask::Complete(lease.task.id(), lease.token, Box::new(outcome));
            let wait = self.dice.between(1, 15_000);
            self.after(wait, Event::Late(ask, number));
        }
    }
}
