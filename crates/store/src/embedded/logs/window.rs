//! A file read by position, through one block of it in memory, so that events after each other cost no system call
//! each. Knows nothing of records.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Which way the reader goes: where the block lies around what is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Direction {
    Forwards,
    Backwards,
}

/// A file, and the block of it that was read last.
#[derive(Debug)]
pub(super) struct Window<'a> {
    file: &'a File,
    direction: Direction,
    block_bytes: u64,
    start: u64,
    block: Vec<u8>,
}

impl<'a> Window<'a> {
    /// Reads at least `block_bytes` at a time.
    pub(super) fn new(file: &'a File, direction: Direction, block_bytes: u64) -> Self {
        Self { file, direction, block_bytes, start: 0, block: Vec::new() }
    }

    /// Bytes `start..end`; `None` when the file does not have them all.
    pub(super) fn bytes(&mut self, start: u64, end: u64) -> io::Result<Option<&[u8]>> {
        if self.range(start, end).is_none() {
            let (from, to) = match self.direction {
                Direction::Forwards => (start, end.max(start.saturating_add(self.block_bytes))),
                Direction::Backwards => (start.min(end.saturating_sub(self.block_bytes)), end),
            };
            self.load(from, to)?;
        }
        Ok(self.range(start, end).and_then(|range| self.block.get(range)))
    }

    fn range(&self, start: u64, end: u64) -> Option<std::ops::Range<usize>> {
        let from = usize::try_from(start.checked_sub(self.start)?).ok()?;
        let to = usize::try_from(end.checked_sub(self.start)?).ok()?;
        (from <= to && to <= self.block.len()).then_some(from..to)
    }

    fn load(&mut self, from: u64, to: u64) -> io::Result<()> {
        let length = usize::try_from(to.saturating_sub(from)).map_err(io::Error::other)?;
        self.start = from;
        self.block.resize(length, 0);
        let mut filled = 0;
        while let Some(rest) = self.block.get_mut(filled..)
            && !rest.is_empty()
        {
            match self.file.read_at(rest, from.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(again) if again.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.block.clear();
                    return Err(error);
                }
            }
        }
        self.block.truncate(filled);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_range_in_any_order_is_right() {
        let content: Vec<u8> = (0..300_000_u32).flat_map(|n| u8::try_from(n % 251)).collect();
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&content, 0).unwrap();
        for direction in [Direction::Forwards, Direction::Backwards] {
            let mut window = Window::new(&file, direction, 64 * 1_024);
            for (start, end) in [(0, 4), (4, 90_000), (299_999, 300_000), (10, 20), (70_000, 70_000), (0, 300_000)] {
                let expected = &content[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()];
                assert_eq!(window.bytes(start, end).unwrap(), Some(expected), "{direction:?} {start} {end}");
            }
            assert_eq!(window.bytes(299_999, 300_001).unwrap(), None);
            assert_eq!(window.bytes(1 << 40, (1 << 40) + 4).unwrap(), None);
        }
    }
}
