//! What the agent and its runner say to each other: one JSON value a line, requests down, events up.
//!
//! Every request [`Request::Job`] is answered by any number of progress events and exactly one [`Event::Done`] or
//! [`Event::Failed`]. A line that is no request is answered by a failure, so the agent never waits in vain.

use crate::data::Account;
use crate::failure::Failure;
use crate::stages::Progress;
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::task::{FailureClass, Outcome, Task};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io::{self, BufRead, Write};

/// Longest line in bytes: the outcome of the largest family's access profile stays far below it.
pub const LINE_BYTES_MAX: usize = 8 << 20;

/// From the agent to the runner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Run this.
    Job(Box<Job>),
    /// End the job sent last, at its next step.
    Stop,
    /// The same, but a training leaves a checkpoint first: it is to go on elsewhere.
    Drain,
}

/// One attempt of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The task.
    pub task: Task,
    /// Fencing token: what the job writes lies under it.
    pub token: u64,
    /// First weights, where the task starts from those of another; where it goes on from another, the state of that.
    pub weights: Option<ObjectRef>,
}

/// From the runner to the agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// How far the job is.
    Progress(Progress),
    /// What the job has read so far; the last one comes before the job ends.
    Account(Account),
    /// The job's outcome; ends it.
    Done {
        /// What came out.
        outcome: Outcome,
    },
    /// The job failed; ends it.
    Failed {
        /// Whose fault.
        class: FailureClass,
        /// What happened.
        message: String,
    },
}

impl From<Result<Outcome, Failure>> for Event {
    fn from(result: Result<Outcome, Failure>) -> Self {
        match result {
            Ok(outcome) => Event::Done { outcome },
            Err(Failure { class, message }) => Event::Failed { class, message },
        }
    }
}

/// Why a line is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// Longer than any message is.
    #[error("a line is longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// Not the JSON of a message.
    #[error("a line is no message: {0}")]
    Content(String),
}

/// Writes one message and its line break, and flushes.
pub fn write_line<T: Serialize>(writer: &mut impl Write, message: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    writer.write_all(&line)?;
    writer.flush()
}

/// Reads one message; `None` at the end. A bad line is consumed whole, so that the next one can be read.
pub fn read_line<T: DeserializeOwned>(reader: &mut impl BufRead) -> io::Result<Option<Result<T, BadLine>>> {
    let mut line = Vec::new();
    let mut too_long = false;
    loop {
        let available = match reader.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            // A line without its break was cut off in the middle: its sender is gone.
            return Ok(None);
        }
        let end = available.iter().position(|&byte| byte == b'\n');
        let taken = end.unwrap_or(available.len());
        too_long |= line.len() + taken > LINE_BYTES_MAX;
        if !too_long {
            line.extend_from_slice(&available[..taken]);
        }
        reader.consume(end.map_or(taken, |end| end + 1));
        if end.is_some() {
            break;
        }
    }
    if too_long {
        return Ok(Some(Err(BadLine::TooLong)));
    }
    Ok(Some(parse_line(&line)))
}

/// Reads the message of one line.
pub fn parse_line<T: DeserializeOwned>(line: &[u8]) -> Result<T, BadLine> {
    serde_json::from_slice(line).map_err(|error| BadLine::Content(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(bytes: &[u8]) -> Vec<Result<Request, BadLine>> {
        let mut reader = io::BufReader::with_capacity(16, bytes);
        std::iter::from_fn(|| read_line(&mut reader).unwrap()).collect()
    }

    #[test]
    fn a_message_returns_from_its_line() {
        let mut bytes = Vec::new();
        write_line(&mut bytes, &Request::Stop).unwrap();
        assert_eq!(bytes, b"\"stop\"\n");
        assert_eq!(read_all(&bytes), [Ok(Request::Stop)]);
    }

    #[test]
    fn a_line_that_is_no_message_or_too_long_does_not_hide_the_next() {
        let mut bytes = b"garbage \xff\n\n".to_vec();
        bytes.extend(vec![b' '; LINE_BYTES_MAX + 1]);
        bytes.extend(b"\n\"stop\"\n\"sto");
        let read = read_all(&bytes);
        assert!(matches!(read[0], Err(BadLine::Content(_))));
        assert!(matches!(read[1], Err(BadLine::Content(_))));
        assert_eq!(read[2..], [Err(BadLine::TooLong), Ok(Request::Stop)]);
    }
}
