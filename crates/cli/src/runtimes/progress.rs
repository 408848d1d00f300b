//! What is being done, on standard error: a spinner with the step on a terminal, one plain line per step elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

/// Progress of one runtime.
#[derive(Debug)]
pub(super) struct Progress {
    name: &'static str,
    steps: usize,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Of `steps` steps.
    pub(super) fn new(name: &'static str, steps: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            // The template is a constant; if indicatif did not like it, its own would do.
            let style = ProgressStyle::with_template("{prefix}: {spinner} {pos}/{len} {msg} ({elapsed})");
            let bar = ProgressBar::new(u64::try_from(steps).unwrap_or(u64::MAX)).with_prefix(name);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { name, steps, bar }
    }

    /// Begins step `number`, counted from one.
    pub(super) fn step(&self, number: usize, doing: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(u64::try_from(number).unwrap_or(u64::MAX));
                bar.set_message(format!("{doing}…"));
            }
            None => self.line(&format!("{number}/{} {doing}…", self.steps)),
        }
    }

    /// Says why nothing happens.
    pub(super) fn waiting(name: &str, what: &str) {
        // Progress that nobody reads is no failure.
        writeln!(std::io::stderr(), "{name}: {what}").ok();
    }

    fn line(&self, text: &str) {
        Self::waiting(self.name, text);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
