//! What became of workers' time.

use super::WORKERS;
use std::time::Instant;

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    /// It waits.
    Idle,
    /// It trains.
    Trains,
    /// It trains what its death undoes.
    Lost,
    /// It is not there.
    Absent,
}

/// What workers write down.
#[derive(Default)]
pub(super) struct Book {
    stretches: Vec<Stretch>,
    /// From the death of a worker until another is there.
    absent: Vec<(Instant, Instant)>,
}

struct Stretch {
    worker: usize,
    from: Instant,
    /// None while it goes on.
    to: Option<Instant>,
    is_lost: bool,
}

/// Shares of a span.
pub(super) struct Spent {
    book: Book,
    from: Instant,
    to: Instant,
    /// From the end of a stretch to the same worker's next, ms, rising.
    gaps_ms: Vec<f64>,
}

impl Book {
    /// When the first stretch began.
    pub(super) fn first(&self) -> Option<Instant> {
        self.stretches.first().map(|stretch| stretch.from)
    }

    /// A worker begins a stretch, whose number this is.
    pub(super) fn begins(&mut self, worker: usize, from: Instant) -> usize {
        self.stretches.push(Stretch {
            worker,
            from,
            to: None,
            is_lost: false,
        });
        self.stretches.len() - 1
    }

    /// That stretch ends.
    pub(super) fn ends(&mut self, stretch: usize, to: Instant) {
        self.stretches[stretch].to = Some(to);
    }

    /// A worker dies, and what it does is lost.
    pub(super) fn dies(&mut self, worker: usize, at: Instant) {
        let open = |stretch: &&mut Stretch| stretch.worker == worker && stretch.to.is_none();
        if let Some(stretch) = self.stretches.iter_mut().find(open) {
            (stretch.to, stretch.is_lost) = (Some(at), true);
        }
    }

    /// Another worker is there for the one that died.
    pub(super) fn comes(&mut self, died: Instant, at: Instant) {
        self.absent.push((died, at));
    }

    /// Looks at a span that is over.
    pub(super) fn close(self, from: Instant, to: Instant) -> Spent {
        let gap = |stretch: &Stretch| {
            let ended = stretch
                .to
                .filter(|end| !stretch.is_lost && (from..to).contains(end))?;
            let next = self
                .stretches
                .iter()
                .filter(|next| next.worker == stretch.worker && next.from >= ended);
            let began = next.map(|next| next.from).min()?;
            Some((began - ended).as_secs_f64() * 1e3)
        };
        let mut gaps_ms: Vec<f64> = self.stretches.iter().filter_map(gap).collect();
        gaps_ms.sort_by(f64::total_cmp);
        Spent {
            gaps_ms,
            from,
            to,
            book: self,
        }
    }
}

impl Spent {
    /// Of all workers' time.
    pub(super) fn share(&self, time: Time) -> f64 {
        let stretches = |is_lost: bool| -> f64 {
            let those = self
                .book
                .stretches
                .iter()
                .filter(|stretch| stretch.is_lost == is_lost);
            those
                .map(|stretch| self.within(stretch.from, stretch.to.unwrap_or(self.to)))
                .sum()
        };
        let share: f64 = match time {
            Time::Trains => stretches(false),
            Time::Lost => stretches(true),
            Time::Absent => self
                .book
                .absent
                .iter()
                .map(|&(from, to)| self.within(from, to))
                .sum(),
            Time::Idle => {
                let others = [Time::Trains, Time::Lost, Time::Absent];
                1.0 - others.map(|time| self.share(time)).iter().sum::<f64>()
            }
        };
        // An empty sum is -0.
        share + 0.0
    }

    /// A quantile of the time from the end of a stretch to the same worker's next, ms.
    pub(super) fn gap_ms(&self, share: f64) -> f64 {
        let last = self.gaps_ms.len().saturating_sub(1) as f64;
        self.gaps_ms
            .get((share * last).round() as usize)
            .copied()
            .unwrap_or(f64::NAN)
    }

    /// Stretches that ended in the span.
    pub(super) fn stretches(&self) -> usize {
        let ended = |stretch: &&Stretch| {
            !stretch.is_lost && stretch.to.is_some_and(|to| (self.from..self.to).contains(&to))
        };
        self.book.stretches.iter().filter(ended).count()
    }

    /// The part of all workers' time in the span that this is.
    fn within(&self, from: Instant, to: Instant) -> f64 {
        let inside = to.min(self.to).saturating_duration_since(from.max(self.from));
        inside.as_secs_f64() / (WORKERS as f64 * (self.to - self.from).as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn time_is_spent_training_in_vain_absent_or_idle() {
        let from = Instant::now();
        let at = |seconds: u64| from + Duration::from_secs(seconds);
        let mut book = Book::default();
        // All but the first two train from beginning to end.
        let first = book.begins(0, at(0));
        book.ends(first, at(40));
        book.begins(0, at(60));
        book.begins(1, at(20));
        book.dies(1, at(50));
        book.comes(at(50), at(60));
        for worker in 2..WORKERS {
            book.begins(worker, at(0));
        }
        let spent = book.close(from, at(100));
        let share = |time| (spent.share(time) * 800.0).round();
        assert_eq!(
            (share(Time::Trains), share(Time::Lost), share(Time::Absent)),
            (680.0, 30.0, 10.0)
        );
        assert_eq!(share(Time::Idle), 80.0);
        assert_eq!((spent.gap_ms(0.5), spent.stretches()), (20_000.0, 1));
    }
}
