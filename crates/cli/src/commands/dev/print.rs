//! Standard output on a thread of its own: who stops reading (a pager, Ctrl-S) holds up what is shown, never the end of
//! the session.

use crate::output;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Lines that wait to be written (ours).
const WAITING: usize = 256;
/// What the last lines may take at the end (ours).
const LAST: Duration = Duration::from_millis(500);

/// Writes lines in order.
#[derive(Debug)]
pub(super) struct Printer {
    lines: Sender<String>,
    ended: oneshot::Receiver<()>,
}

impl Printer {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// As the system answers.
    pub(super) fn start() -> io::Result<Self> {
        let (lines, mut waiting) = channel::<String>(WAITING);
        let (end, ended) = oneshot::channel();
        std::thread::Builder::new().name("output".into()).spawn(move || {
            // Ends when nobody prints any more, or nobody reads.
            while let Some(text) = waiting.blocking_recv() {
                if output::line(&text).is_err() {
                    break;
                }
            }
            drop(waiting);
            // Nobody may wait for it.
            end.send(()).ok();
        })?;
        Ok(Self { lines, ended })
    }

    /// Writes one line.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` when nobody reads any more, which `main` takes as a wish to stop.
    pub(super) async fn line(&self, text: String) -> io::Result<()> {
        self.lines.send(text).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// Waits for what is still to be written, but not for long.
    pub(super) async fn finish(self) {
        let Self { lines, ended } = self;
        drop(lines);
        // Late is as good as done: there is nobody left to tell.
        timeout(LAST, ended).await.ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_waits_for_the_last_line_and_for_nothing_else() {
        let printer = Printer::start().unwrap();
        printer.line(String::new()).await.unwrap();
        printer.finish().await;
    }
}
