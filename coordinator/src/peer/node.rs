//! A peer without sockets and clock: its copy of the log, the state that follows from it, and, while it leads, the
//! leader's decisions.
//!
//! Two states are kept while leading. `state` is what the committed log says. The leader's own runs ahead of it by
//! the commands it has proposed: in one reign only its leader appends, in the order of its proposals, so what it
//! foresaw is what will be committed, or it does not lead any more and throws its foresight away. Nobody is answered
//! before what the answer says is committed; an answer that only looks waits until a majority has confirmed that this
//! peer still led when it was asked.

use super::entry::{Unreadable, read_batch, read_image, write_batch, write_image};
use crate::leader::{Answer, Core, LeaderError, Logbook, Reply, Request, Terms};
use crate::ledger::{Command, State};
use crate::replica::log::{Disk, LogError};
use crate::replica::{Change, Committed, Identity, Message, PeerId, Replica, Standing, Step, Timing};
use crate::view::{MemberView, Members};
use std::collections::VecDeque;
use std::path::PathBuf;

/// A read that a majority has not confirmed after so long is asked again, ms: such messages may be lost.
const READ_AGAIN_MS: u64 = 500;
/// The log is replaced by an image of the state when it has grown by so much since the last.
const LOG_BYTES_MAX: u64 = 32 << 20;

/// Why a peer cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Its log cannot be opened, read or written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log holds what this release cannot read.
    #[error("entry {index} of the ledger cannot be read: {why}")]
    Unreadable {
        /// Which.
        index: u64,
        /// Why.
        why: String,
    },
    /// It was removed from its group.
    #[error("peer {0} was removed from its group; its data directory is of no more use")]
    Removed(PeerId),
}

/// See the module's description.
pub(crate) struct Node<D: Disk> {
    replica: Replica<D>,
    group: String,
    state: State,
    role: Role,
    terms: Terms,
    log_folder: Option<PathBuf>,
    log_bytes_max: u64,
    waiting: Waiting,
    #[cfg(test)]
    bugs: Bugs,
}

/// Faults put in on purpose: the simulation must find them.
#[cfg(test)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bugs {
    /// Answers go out before the commit.
    pub(crate) answers_early: bool,
    /// Looks are answered without asking whether this peer still leads.
    pub(crate) looks_unconfirmed: bool,
    /// Peer 2 leaves an entry out now and then.
    pub(crate) leaves_out: bool,
}

enum Role {
    /// Another leads, or nobody, or this one was elected and has not applied everything before its reign yet.
    Following,
    Leading {
        core: Box<Core>,
        term: u64,
    },
}

/// Answers that wait.
#[derive(Default)]
struct Waiting {
    /// Until the entry is applied.
    writes: VecDeque<(u64, Vec<Answer>)>,
    /// For the next question whether this peer leads.
    reads: Vec<Answer>,
    /// For the question on its way.
    asked: Option<Question>,
    /// Confirmed: until the entry is applied.
    confirmed: Vec<(u64, Vec<Answer>)>,
    last_question: u64,
    /// The last entry proposed in this reign.
    last_write: u64,
}

/// A question to the other peers whether this one still leads.
struct Question {
    name: u64,
    asked_at_ms: u64,
    /// A look may have seen what is proposed and not committed: its answer waits for that too.
    seen: u64,
    answers: Vec<Answer>,
}

impl<D: Disk> Node<D> {
    /// Opens a peer on its disk. Without a folder for the log lines of builds none are kept.
    pub(crate) fn open(
        disk: D,
        identity: &Identity,
        terms: Terms,
        timing: Timing,
        log_folder: Option<PathBuf>,
    ) -> Result<Node<D>, NodeError> {
        let (replica, image) = Replica::open(disk, identity.id, &identity.members(), timing)?;
        let state = match image {
            Some(image) => read_image(&image).map_err(|error| unreadable(replica.applied(), error))?,
            None => State::default(),
        };
        Ok(Node {
            replica,
            group: identity.group.clone(),
            state,
            role: Role::Following,
            terms,
            log_folder,
            log_bytes_max: LOG_BYTES_MAX,
            waiting: Waiting::default(),
            #[cfg(test)]
            bugs: Bugs::default(),
        })
    }

    /// The state that the committed log says, as far as this peer has it.
    #[cfg(test)]
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// The consensus below.
    pub(crate) fn replica(&mut self) -> &mut Replica<D> {
        &mut self.replica
    }

    /// Whether it leads and can answer.
    pub(crate) fn leads(&self) -> bool {
        matches!(self.role, Role::Leading { .. })
    }

    /// Replaces the log by an image when it has grown by so many bytes.
    #[cfg(test)]
    pub(crate) fn set_log_bytes_max(&mut self, bytes: u64) {
        self.log_bytes_max = bytes;
    }

    #[cfg(test)]
    pub(crate) fn set_bugs(&mut self, bugs: Bugs) {
        self.bugs = bugs;
    }

    /// Somebody asks for something.
    pub(crate) fn request(&mut self, request: Request, now_ms: u64) {
        match &mut self.role {
            Role::Leading { core, .. } => core.handle(request, now_ms),
            Role::Following => request.refuse(self.not_leader()),
        }
    }

    /// Who holds the log; any peer answers as far as it knows.
    pub(crate) fn members(&self) -> Members {
        let members = self.replica.members();
        let progress = self.replica.progress();
        let leader = match self.replica.standing() {
            Standing::Leader { .. } => Some(self.replica.id()),
            Standing::Follower { leader } => leader,
        };
        let view = |(id, address): (&PeerId, &String)| {
            let known = progress.iter().find(|(peer, ..)| peer == id);
            MemberView {
                id: *id,
                address: address.clone(),
                votes: members.voters.contains(id),
                leads: leader == Some(*id),
                entry: known.map(|(_, entry, _)| *entry),
                heard: known.map(|(.., heard)| *heard),
            }
        };
        Members {
            group: self.group.clone(),
            answered_by: self.replica.id(),
            changing: !members.outgoing.is_empty(),
            members: members.addresses.iter().map(view).collect(),
        }
    }

    /// Somebody asks for other members.
    pub(crate) fn change(&mut self, change: &Change, reply: Reply<()>) {
        let refused = if !self.leads() {
            Some(self.not_leader())
        } else if let Some(objection) = self.replica.members().objection(change) {
            Some(LeaderError::Refused(objection))
        } else if change.steps.contains(&Step::Remove {
            peer: self.replica.id(),
        }) {
            let only = self.replica.members().is_only(self.replica.id());
            if only {
                let words =
                    "nobody else could remove this peer; add another, then remove this one in a second step";
                Some(LeaderError::Refused(words.into()))
            } else {
                // The next leader removes this one.
                self.replica.hand_over();
                Some(LeaderError::NotLeader { leader: None })
            }
        } else {
            None
        };
        if let Some(error) = refused {
            let _ = reply.send(Err(error));
            return;
        }
        match self.replica.change(change) {
            Ok(index) => {
                let answer: Answer = Box::new(move |durable| drop(reply.send(durable)));
                self.waiting.writes.push_back((index, vec![answer]));
            }
            Err(_) => {
                let busy = "the members are changing right now; try again in a moment";
                let _ = reply.send(Err(LeaderError::Refused(busy.into())));
            }
        }
    }

    /// Hands leadership over, if it leads and there is somebody to lead.
    pub(crate) fn hand_over(&mut self) {
        if self.leads() {
            self.replica.hand_over();
        }
    }

    /// Decides what time and requests ask for, makes it durable, sends what follows, and answers whom it can.
    pub(crate) fn turn(&mut self, now_ms: u64, send: &mut dyn FnMut(Message)) -> Result<(), NodeError> {
        self.decide(now_ms);
        let turn = self.replica.turn(send)?;
        for committed in turn.committed {
            self.apply(committed)?;
        }
        if self.replica.removed() {
            self.step_down();
            return Err(NodeError::Removed(self.replica.id()));
        }
        for (name, index) in turn.reads {
            if let Some(question) = self.waiting.asked.take_if(|asked| asked.name == name) {
                let Question { seen, answers, .. } = question;
                self.waiting.confirmed.push((index.max(seen), answers));
            }
        }
        self.settle(now_ms);
        if self.replica.wants_image(self.log_bytes_max) {
            let image = write_image(&self.state);
            tracing::debug!(bytes = image.len(), "replaces the log by an image of the state");
            self.replica.keep_image(image)?;
        }
        Ok(())
    }

    /// Ends in good order.
    pub(crate) fn close(mut self) -> Result<(), NodeError> {
        self.step_down();
        Ok(self.replica.close()?)
    }

    /// Ends because it cannot go on: who waits is told why.
    pub(crate) fn fail(mut self, why: &str) {
        self.leave(&LeaderError::Stopped(why.into()));
    }

    fn decide(&mut self, now_ms: u64) {
        let Role::Leading { core, .. } = &mut self.role else {
            return;
        };
        core.advance(now_ms);
        let (commands, answers) = core.take();
        #[cfg(test)]
        let answers = self.misbehave(commands.is_empty(), answers);
        if commands.is_empty() {
            self.waiting.reads.extend(answers);
        } else {
            match self.propose(&commands) {
                Some(index) => {
                    self.waiting.last_write = index;
                    self.waiting.writes.push_back((index, answers));
                }
                None => {
                    // Leadership is being handed over: what was foreseen will not come.
                    let error = self.not_leader();
                    answers.into_iter().for_each(|answer| answer(Err(error.clone())));
                    self.step_down();
                    return;
                }
            }
        }
        self.ask_who_leads(now_ms);
    }

    #[cfg(test)]
    fn misbehave(&self, looks: bool, answers: Vec<Answer>) -> Vec<Answer> {
        if looks && self.bugs.looks_unconfirmed || !looks && self.bugs.answers_early {
            answers.into_iter().for_each(|answer| answer(Ok(())));
            return Vec::new();
        }
        answers
    }

    fn propose(&mut self, commands: &[Command]) -> Option<u64> {
        self.replica.propose(write_batch(commands)).ok()
    }

    fn ask_who_leads(&mut self, now_ms: u64) {
        // The clock may be set back too.
        let overdue = |asked: &mut Question| asked.asked_at_ms.abs_diff(now_ms) >= READ_AGAIN_MS;
        if let Some(lost) = self.waiting.asked.take_if(overdue) {
            let newer = std::mem::replace(&mut self.waiting.reads, lost.answers);
            self.waiting.reads.extend(newer);
        }
        if self.waiting.asked.is_some() || self.waiting.reads.is_empty() {
            return;
        }
        self.waiting.last_question += 1;
        let name = self.waiting.last_question;
        self.replica.read(name);
        self.waiting.asked = Some(Question {
            name,
            asked_at_ms: now_ms,
            seen: self.waiting.last_write,
            answers: std::mem::take(&mut self.waiting.reads),
        });
    }

    fn apply(&mut self, committed: Committed) -> Result<(), NodeError> {
        match committed {
            #[cfg(test)]
            Committed::Data { index, .. }
                if self.bugs.leaves_out && self.replica.id() == 2 && index.is_multiple_of(16) => {}
            Committed::Data { index, data, .. } => {
                let commands = read_batch(&data).map_err(|error| unreadable(index, error))?;
                for command in &commands {
                    self.state.apply(command);
                }
            }
            Committed::Image { index, data } => {
                self.state = read_image(&data).map_err(|error| unreadable(index, error))?;
            }
            Committed::Members { .. } => {}
        }
        Ok(())
    }

    /// Takes or leaves the lead as the consensus says, and gives answers that need not wait any more.
    fn settle(&mut self, now_ms: u64) {
        let standing = self.replica.standing();
        match (&self.role, standing) {
            (Role::Leading { term, .. }, Standing::Leader { term: now }) if *term == now => {}
            (Role::Leading { .. }, _) => self.step_down(),
            (Role::Following, _) => {}
        }
        if let (Role::Following, Standing::Leader { term }) = (&self.role, standing)
            && self.replica.is_settled(term)
        {
            let logbook = Logbook::new(self.log_folder.clone());
            let mut core = Box::new(Core::new(self.state.clone(), logbook, self.terms));
            tracing::info!(peer = self.replica.id(), term, "leads");
            core.advance(now_ms);
            self.role = Role::Leading { core, term };
        }
        let applied = self.replica.applied();
        while self
            .waiting
            .writes
            .front()
            .is_some_and(|(index, _)| *index <= applied)
        {
            let (_, answers) = self.waiting.writes.pop_front().expect("looked at above");
            answers.into_iter().for_each(|answer| answer(Ok(())));
        }
        let (now, later) = std::mem::take(&mut self.waiting.confirmed)
            .into_iter()
            .partition(|(index, _)| *index <= applied);
        self.waiting.confirmed = later;
        for (_, answers) in now {
            answers.into_iter().for_each(|answer| answer(Ok(())));
        }
        #[cfg(debug_assertions)]
        self.check_foresight();
    }

    /// What the leader foresaw is what was committed.
    #[cfg(debug_assertions)]
    fn check_foresight(&self) {
        if let Role::Leading { core, .. } = &self.role
            && self.replica.is_idle()
            && core.is_idle()
            && self.state.committed().len() < 64
        {
            assert!(*core.state() == self.state, "the leader foresaw something else");
        }
    }

    fn step_down(&mut self) {
        self.leave(&self.not_leader());
    }

    fn leave(&mut self, error: &LeaderError) {
        if let Role::Leading { core, .. } = std::mem::replace(&mut self.role, Role::Following) {
            core.abandon(error);
        }
        let Waiting {
            writes,
            reads,
            asked,
            confirmed,
            last_question,
            ..
        } = std::mem::take(&mut self.waiting);
        // An answer to a question of this reign must not be taken for one of the next.
        self.waiting.last_question = last_question;
        let writes = writes.into_iter().flat_map(|(_, answers)| answers);
        let asked = asked.into_iter().flat_map(|question| question.answers);
        let confirmed = confirmed.into_iter().flat_map(|(_, answers)| answers);
        for answer in writes.chain(reads).chain(asked).chain(confirmed) {
            answer(Err(error.clone()));
        }
    }

    fn not_leader(&self) -> LeaderError {
        let leader = match self.replica.standing() {
            Standing::Follower { leader: Some(id) } => self.replica.members().addresses.get(&id).cloned(),
            _ => None,
        };
        LeaderError::NotLeader { leader }
    }
}

fn unreadable(index: u64, error: Unreadable) -> NodeError {
    NodeError::Unreadable {
        index,
        why: error.to_string(),
    }
}
