//! How far a tool is: a bar on a terminal, a line now and then anywhere else.

use super::output;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Counts parts and bytes.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    /// What is done, for example `decoding`.
    what: &'static str,
    /// What is counted, for example `images`.
    parts: &'static str,
    all: u64,
    done: u64,
    /// Done by an earlier run: no measure of speed.
    before: u64,
    bytes: u64,
    start: Instant,
    last_line: Instant,
}

impl Progress {
    pub(super) fn new(what: &'static str, parts: &'static str, all: u64) -> Progress {
        let template = format!("{{prefix}} {{bar:32}} {{pos}}/{{len}} {parts}, {{msg}}");
        let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let terminal = std::io::stderr().is_terminal();
        let bar = terminal.then(|| ProgressBar::new(all).with_style(style).with_prefix(what));
        Progress {
            bar,
            what,
            parts,
            all,
            done: 0,
            before: 0,
            bytes: 0,
            start: Instant::now(),
            last_line: Instant::now(),
        }
    }

    /// So many need not be done again.
    pub(super) fn skip(&mut self, parts: u64) {
        self.before += parts;
        self.add(parts, 0);
    }

    /// So many more are done, of so many bytes.
    pub(super) fn add(&mut self, parts: u64, bytes: u64) {
        self.done += parts;
        self.bytes += bytes;
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
            bar.set_message(self.speed());
        } else if self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            let (what, parts) = (self.what, self.parts);
            // Nobody reads it: no reason to stop.
            let _ = writeln!(
                std::io::stderr(),
                "{what}: {} of {} {parts}, {}",
                self.done,
                self.all,
                self.speed()
            );
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn speed(&self) -> String {
        let seconds = self.start.elapsed().as_secs_f64().max(1e-3);
        let here = (self.done - self.before) as f64;
        let speed = here / seconds;
        let left = match speed > 0.0 {
            true => seconds_text(self.all.saturating_sub(self.done) as f64 / speed),
            false => "?".into(),
        };
        let bytes = match self.bytes {
            0 => String::new(),
            bytes => format!(
                ", {}, {}/s",
                output::bytes(bytes),
                output::bytes((bytes as f64 / seconds) as u64)
            ),
        };
        format!("{speed:.0}/s{bytes}, {left} left")
    }
}

fn seconds_text(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        _ => format!("{}:{:02} h", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_for_people() {
        assert_eq!(
            [12.4, 75.0, 7320.0].map(seconds_text),
            ["12 s", "1:15 min", "2:02 h"]
        );
    }
}
