//! Images that are too many to be at hand: a thread reads and decodes the next window while the net trains on this one.

use crate::data::Base;
use crate::failure::Failure;
use imgcalc_engine::Stream;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Reads runs of images, one after the other.
pub(super) type Reader = Arc<dyn Fn(&[Range<u32>]) -> Result<Vec<i16>, Failure> + Send + Sync>;

/// What the reading of a training's images tells those outside.
#[derive(Debug, Default)]
pub(in crate::stages) struct Shared {
    bytes_read: AtomicU64,
    failure: Mutex<Option<Failure>>,
}

impl Shared {
    /// Bytes asked of the base so far.
    pub(in crate::stages) fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// Why the images could not be read on, if that is why the training ended.
    pub(in crate::stages) fn failure(&self) -> Option<Failure> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.take()
    }

    /// Does what reads, and counts what it asked for.
    pub(super) fn counted<T>(&self, base: &Base, read: impl FnOnce() -> T) -> T {
        let before = base.bytes_read();
        let result = read();
        let bytes = base.bytes_read() - before;
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
        result
    }
}

/// The row groups of one split.
pub(super) struct RowGroups {
    base: Base,
    reader: Reader,
    groups: Vec<Range<u32>>,
    shared: Arc<Shared>,
    ahead: Option<Ahead>,
}

/// Who reads ahead. One window at most waits to be taken.
struct Ahead {
    windows: Option<Receiver<Result<Vec<i16>, Failure>>>,
    thread: Option<JoinHandle<()>>,
}

impl RowGroups {
    pub(super) fn new(base: Base, reader: Reader, groups: Vec<Range<u32>>, shared: Arc<Shared>) -> Self {
        RowGroups {
            base,
            reader,
            groups,
            shared,
            ahead: None,
        }
    }
}

impl Stream for RowGroups {
    fn begin(&mut self, windows: Vec<Vec<u32>>) {
        // The last reader goes first: two at once would take the memory of both.
        self.ahead = None;
        let (base, reader, shared) = (self.base.clone(), self.reader.clone(), self.shared.clone());
        let groups = self.groups.clone();
        // Nothing is buffered: what waits is what the thread holds.
        let (sender, receiver) = mpsc::sync_channel(0);
        let thread = std::thread::spawn(move || {
            for window in windows {
                let runs: Vec<Range<u32>> = window
                    .iter()
                    .map(|&group| groups[group as usize].clone())
                    .collect();
                let result = shared.counted(&base, || reader(&runs));
                let failed = result.is_err();
                if sender.send(result).is_err() || failed {
                    return;
                }
            }
        });
        self.ahead = Some(Ahead {
            windows: Some(receiver),
            thread: Some(thread),
        });
    }

    fn next(&mut self) -> Result<Vec<i16>, String> {
        let windows = self.ahead.as_ref().and_then(|ahead| ahead.windows.as_ref());
        match windows.map(Receiver::recv) {
            Some(Ok(Ok(values))) => Ok(values),
            Some(Ok(Err(failure))) => {
                let message = failure.message.clone();
                let mut told = self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner);
                *told = Some(failure);
                Err(message)
            }
            Some(Err(_)) | None => Err("there is no further window".into()),
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // Without a receiver the thread ends with the window it is at.
        self.windows = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row_groups(reader: Reader) -> (RowGroups, Arc<Shared>) {
        let shared = Arc::new(Shared::default());
        let base = Base::open("memory://").unwrap();
        let groups = vec![0..3, 3..6, 6..7];
        (RowGroups::new(base, reader, groups, shared.clone()), shared)
    }

    #[test]
    fn windows_come_in_the_order_asked_for_and_a_new_beginning_forgets_the_last() {
        let reader: Reader = Arc::new(|runs| {
            Ok(runs
                .iter()
                .flat_map(|run| run.start as i16..run.end as i16)
                .collect())
        });
        let (mut stream, _) = row_groups(reader);
        assert!(stream.next().is_err());
        stream.begin(vec![vec![0, 2], vec![1]]);
        assert_eq!(stream.next().unwrap(), [0, 1, 2, 6]);
        stream.begin(vec![vec![1], vec![0]]);
        assert_eq!(stream.next().unwrap(), [3, 4, 5]);
        assert_eq!(stream.next().unwrap(), [0, 1, 2]);
        assert!(stream.next().is_err());
    }

    #[test]
    fn why_a_window_cannot_be_read_is_kept_with_its_class() {
        let (mut stream, shared) = row_groups(Arc::new(|_| Err(Failure::storage("the base is gone"))));
        stream.begin(vec![vec![0], vec![1]]);
        assert_eq!(stream.next().unwrap_err(), "the base is gone");
        let failure = shared.failure().unwrap();
        assert_eq!(failure.class, imgcalc_shared::task::FailureClass::Storage);
        assert!(shared.failure().is_none());
    }
}
