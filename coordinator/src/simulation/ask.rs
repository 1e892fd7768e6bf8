//! What workers and people ask of a peer, as values that can be repeated, and what they are answered.

use crate::leader::{Asked, Directive, LeaderError, Progress, Reply, Request, Said, WorkerFacts};
use crate::ledger::Wanted;
use crate::replica::Change;
use crate::view::{BuildView, Overview};
use imgcalc_shared::build::{Amendment, Build, BuildId};
use imgcalc_shared::task::{FailureClass, Outcome, TaskId};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

#[derive(Clone, Debug)]
pub(super) enum Ask {
    Submit(Box<Build>),
    Direct(BuildId, Wanted),
    Amend(BuildId, Amendment),
    Retry(BuildId),
    Overview,
    View(BuildId),
    Register(WorkerFacts),
    Lease(String, u64, u64),
    Progress(Box<Progress>),
    Complete(TaskId, u64, Box<Outcome>),
    Fail(TaskId, u64, FailureClass, String),
    Drain(String, bool),
    Leave(String),
    Change(Change),
}

#[derive(Debug)]
pub(super) enum Answer {
    Done,
    Overview(Box<Overview>),
    View(Box<BuildView>),
    Asked(Asked),
    Directive(Directive),
    Said(Said),
}

/// An answer that is still to come; none while it is.
pub(super) type Pending = Box<dyn FnMut() -> Option<Result<Answer, LeaderError>>>;

/// What a question becomes at a peer.
pub(super) enum Input {
    Request(Request),
    Change(Change, Reply<()>),
}

impl Ask {
    /// The build whose wanted phase it may change.
    pub(super) fn directs(&self) -> Option<BuildId> {
        match self {
            Ask::Submit(build) => Some(build.id()),
            Ask::Direct(build, _) | Ask::Retry(build) => Some(build.clone()),
            _ => None,
        }
    }

    /// As it reaches a peer, and where its answer will be.
    pub(super) fn open(&self) -> (Input, Pending) {
        use Input::Request as In;
        match self.clone() {
            Ask::Submit(build) => {
                let (reply, answer) = line(|_| Answer::Done);
                let priority = 0;
                (
                    In(Request::Submit {
                        build,
                        priority,
                        reply,
                    }),
                    answer,
                )
            }
            Ask::Direct(build, wanted) => {
                let (reply, answer) = line(|()| Answer::Done);
                let (wanted, priority) = (Some(wanted), None);
                (
                    In(Request::Direct {
                        build,
                        wanted,
                        priority,
                        reply,
                    }),
                    answer,
                )
            }
            Ask::Amend(build, amendment) => {
                let (reply, answer) = line(|_| Answer::Done);
                (
                    In(Request::Amend {
                        build,
                        amendment,
                        reply,
                    }),
                    answer,
                )
            }
            Ask::Retry(build) => {
                let (reply, answer) = line(|_| Answer::Done);
                let task = String::new();
                (In(Request::Retry { build, task, reply }), answer)
            }
            Ask::Overview => {
                let (reply, answer) = line(|overview| Answer::Overview(Box::new(overview)));
                (In(Request::Overview { reply }), answer)
            }
            Ask::View(build) => {
                let (reply, answer) = line(|view| Answer::View(Box::new(view)));
                (In(Request::View { build, reply }), answer)
            }
            Ask::Register(worker) => {
                let (reply, answer) = line(|()| Answer::Done);
                (In(Request::Register { worker, reply }), answer)
            }
            Ask::Lease(worker, wait_ms, sequence) => {
                let (reply, answer) = line(Answer::Asked);
                let wait = Duration::from_millis(wait_ms);
                (
                    In(Request::Lease {
                        worker,
                        wait,
                        sequence,
                        reply,
                    }),
                    answer,
                )
            }
            Ask::Progress(progress) => {
                let (reply, answer) = line(Answer::Directive);
                (In(Request::Progress { progress, reply }), answer)
            }
            Ask::Complete(task, token, outcome) => {
                let (reply, answer) = line(Answer::Said);
                (
                    In(Request::Complete {
                        task,
                        token,
                        outcome,
                        reply,
                    }),
                    answer,
                )
            }
            Ask::Fail(task, token, class, message) => {
                let (reply, answer) = line(|()| Answer::Done);
                (
                    In(Request::Fail {
                        task,
                        token,
                        class,
                        message,
                        reply,
                    }),
                    answer,
                )
            }
            Ask::Drain(worker, cancel) => {
                let (reply, answer) = line(|_| Answer::Done);
                (
                    In(Request::Drain {
                        worker,
                        cancel,
                        reply,
                    }),
                    answer,
                )
            }
            Ask::Leave(worker) => {
                let (reply, answer) = line(|()| Answer::Done);
                let (worker, class) = (Some(worker), FailureClass::Preempted);
                let why = "the worker left".into();
                (
                    In(Request::Gone {
                        worker,
                        class,
                        why,
                        reply,
                    }),
                    answer,
                )
            }
            Ask::Change(change) => {
                let (reply, answer) = line(|()| Answer::Done);
                (Input::Change(change, reply), answer)
            }
        }
    }
}

fn line<T: 'static>(say: impl Fn(T) -> Answer + 'static) -> (Reply<T>, Pending) {
    let (reply, mut answer) = oneshot::channel::<Result<T, LeaderError>>();
    let pending: Pending = Box::new(move || match answer.try_recv() {
        Ok(said) => Some(said.map(&say)),
        Err(TryRecvError::Empty) => None,
        Err(TryRecvError::Closed) => Some(Err(LeaderError::Stopped("no answer".into()))),
    });
    (reply, pending)
}
