//! The runner: a child process of the agent that does the work, so that memory is handed over clean and a crash ends
//! an attempt, not the worker.
//!
//! It reads requests from stdin and writes events to stdout (see [`protocol`]); everything else goes to stderr. The end
//! of stdin ends it, in the middle of a job too: a runner never outlives its agent.

mod inbox;
mod meter;
pub mod protocol;

use crate::data::{Base, Cache};
use crate::failure::Failure;
use crate::stages::{self, Attempt, Cadence, Context, Observer, Progress};
use imgcalc_shared::task::Outcome;
use inbox::Ending;
use protocol::{Event, Job};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// How a runner works.
#[derive(Debug)]
pub struct Options {
    /// URL of the base all its jobs use.
    pub base: String,
    /// Where what is read of a remote base is kept, if anywhere.
    pub cache: Option<Arc<Cache>>,
    /// Threads a profile computes with.
    pub threads: u16,
    /// When a training writes a checkpoint.
    pub cadence: Cadence,
}

/// Does jobs until stdin ends. The caller must then end the process: soon after, it is killed.
pub fn run(options: Options) -> io::Result<()> {
    let inbox = inbox::open();
    let mut context = None;
    for received in inbox {
        let result = match received {
            Ok((job, ending)) => attempt(&options, &mut context, &job, ending),
            Err(bad) => Err(Failure::application(format!(
                "the runner is sent what it cannot read: {bad}"
            ))),
        };
        if let Err(failure) = &result {
            tracing::debug!(%failure, "a job fails");
        }
        protocol::write_line(&mut io::stdout().lock(), &Event::from(result))?;
    }
    Ok(())
}

fn attempt(
    options: &Options,
    context: &mut Option<Context>,
    job: &Job,
    ending: Arc<Ending>,
) -> Result<Outcome, Failure> {
    let result = guarded(|| {
        let context = match context {
            Some(context) => context,
            None => {
                let mut base = Base::open(&options.base)?;
                if let Some(cache) = &options.cache {
                    base = base.with_cache(cache.clone());
                }
                context.insert(Context::new(base, options.threads, options.cadence))
            }
        };
        let attempt = Attempt {
            token: job.token,
            weights: job.weights.as_ref(),
        };
        let mut observer = Reporter { ending };
        meter::tell(&context.base().clone(), job.task.is_profile(), || {
            stages::run(&job.task, attempt, context, &mut observer)
        })
    });
    result.unwrap_or_else(|panic| {
        // What a panic left behind is not used again.
        *context = None;
        Err(Failure::application(format!("{} panics: {panic}", job.task)))
    })
}

/// The result of `work`, or what it says when it panics.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        text.unwrap_or("without a message").to_string()
    })
}

struct Reporter {
    ending: Arc<Ending>,
}

impl Observer for Reporter {
    fn progress(&mut self, progress: &Progress) {
        // If the agent is gone, the end of stdin says so too and ends the process.
        let _ = protocol::write_line(&mut io::stdout().lock(), &Event::Progress(*progress));
    }

    fn should_stop(&self) -> bool {
        self.ending.stops()
    }

    fn wants_checkpoint(&self) -> bool {
        self.ending.keeps()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_with_its_words() {
        assert_eq!(guarded(|| 1), Ok(1));
        assert_eq!(guarded::<()>(|| panic!("at once")), Err("at once".into()));
        assert_eq!(guarded::<()>(|| panic!("{}", 7)), Err("7".into()));
    }
}
