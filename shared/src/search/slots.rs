//! How many trials run at once.

/// Trials at once, at most.
pub const PARALLEL_MAX: u16 = 1024;

/// Trials at once, and how they became more on the way. A change holds for what is decided after the last result that was
/// there when it was made: what was decided before stays as it was. They never become fewer: of a stretch that has not ended
/// nobody could say then whether it was decided on before the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slots {
    first: usize,
    /// By the order of the last result before it: rising.
    later: Vec<(u64, usize)>,
}

impl Slots {
    /// So many from the beginning.
    pub fn new(first: usize) -> Slots {
        let later = Vec::new();
        Slots { first, later }
    }

    /// So many after the result with this order, if that is more. Changes are told in the order in which they were made.
    pub fn raise(&mut self, after: u64, slots: usize) {
        if slots > self.now() {
            self.later.push((after, slots));
        }
    }

    /// So many from now on.
    pub fn now(&self) -> usize {
        self.before(u64::MAX)
    }

    /// So many while the result with this order is waited for.
    pub(super) fn before(&self, next: u64) -> usize {
        let made = self.later.iter().rev().find(|(after, _)| *after < next);
        made.map_or(self.first, |(_, slots)| *slots)
    }
}

impl From<usize> for Slots {
    fn from(first: usize) -> Slots {
        Slots::new(first)
    }
}
