//! The framed protocol between the worker and PID 1 of a sandbox: orders in, news out, and the words of a seat.
//!
//! One frame is one datagram (`SOCK_SEQPACKET`) or one length-prefixed record (vsock); descriptors travel beside it.
//! Encoding and decoding only: no socket is touched here, and a frame that is not exactly well formed is refused.

use std::str;

/// Largest frame, bytes. Ours: the environment of a function is at most some kilobytes, 256 KiB leaves room.
pub const FRAME_BYTES: usize = 256 * 1024;

/// Why a frame was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It ends in the middle of a field.
    #[error("the frame ends in the middle of a field")]
    Short,
    /// Something follows its last field.
    #[error("the frame has {0} bytes too many")]
    Long(usize),
    /// Its kind is not known.
    #[error("unknown kind of frame {0}")]
    Kind(u8),
    /// A text is not UTF-8.
    #[error("a text in the frame is not UTF-8")]
    Text,
}

/// What the worker tells PID 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Fork a seat. Descriptors: the seat's end of its channel; if `born_inside`, a cgroup directory to clone it into;
    /// then every cgroup file in which it writes "0" to join.
    Seat {
        /// Whether the second descriptor is a cgroup v2 directory.
        born_inside: bool,
    },
    /// Signal a process started as a seat, and its process group.
    Signal {
        /// Its pid inside.
        process: i32,
        /// Signal number.
        signal: i32,
    },
    /// Kill everything but PID 1; answered by [`News::Empty`].
    KillAll,
    /// Kill one process, whoever started it.
    Kill {
        /// Its pid inside.
        process: i32,
    },
    /// Stop everything but PID 1: where there is no freezer.
    Freeze,
    /// Let everything go on that [`Order::Freeze`] has stopped.
    Thaw,
}

/// What PID 1 tells the worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The sandbox is complete; the service's sockets inside travel with it.
    Ready,
    /// PID 1 cannot go on and ends.
    Failed {
        /// What was tried and the kernel's answer.
        reason: String,
        /// Whether there was too little of something.
        shortage: bool,
    },
    /// A process started as a seat ended.
    Exited {
        /// Its pid inside.
        process: i32,
        /// How.
        end: End,
    },
    /// Nobody but PID 1 is left.
    Empty,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// What the worker tells a seat: the program it becomes. Descriptors: standard output, standard error, and more that the
/// program inherits as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Candidates in order; the one executed is `argv[0]`.
    pub candidates: Vec<String>,
    /// Arguments after `argv[0]`.
    pub arguments: Vec<String>,
    /// `NAME=value`.
    pub environment: Vec<String>,
    /// Memory that each of its processes may have for data, MB (`RLIMIT_DATA`): where no control group limits all of
    /// them together.
    pub data_mb: Option<u32>,
    /// The variables in which the program finds the numbers of the further descriptors, in their order.
    pub descriptor_variables: Vec<String>,
}

/// What a seat tells the worker. The end of the channel without a further message: the program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeatNews {
    /// It has joined every limit, is the function's user, and waits for its program.
    Seated {
        /// Its pid inside.
        process: i32,
    },
    /// No candidate can be executed.
    NoProgram {
        /// Why the last one tried could not.
        reason: String,
    },
    /// It could not become the function's process.
    Failed {
        /// What was tried and the kernel's answer.
        reason: String,
    },
}

impl Order {
    /// The frame of this order.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match *self {
            Self::Seat { born_inside } => Writer::new(1).flag(born_inside).frame(),
            Self::Signal { process, signal } => Writer::new(2).number(process).number(signal).frame(),
            Self::KillAll => Writer::new(3).frame(),
            Self::Kill { process } => Writer::new(4).number(process).frame(),
            Self::Freeze => Writer::new(5).frame(),
            Self::Thaw => Writer::new(6).frame(),
        }
    }

    /// The order in a frame.
    ///
    /// # Errors
    ///
    /// [`FrameError`] when it is not exactly one order.
    pub fn decode(frame: &[u8]) -> Result<Self, FrameError> {
        let (kind, mut fields) = Reader::new(frame)?;
        let order = match kind {
            1 => Self::Seat { born_inside: fields.flag()? },
            2 => Self::Signal { process: fields.number()?, signal: fields.number()? },
            3 => Self::KillAll,
            4 => Self::Kill { process: fields.number()? },
            5 => Self::Freeze,
            6 => Self::Thaw,
            kind => return Err(FrameError::Kind(kind)),
        };
        fields.end(order)
    }
}

impl News {
    /// The frame of this news.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Ready => Writer::new(1).frame(),
            Self::Failed { reason, shortage } => Writer::new(2).text(reason).flag(*shortage).frame(),
            Self::Exited { process, end: End::Code(code) } => Writer::new(3).number(*process).number(*code).frame(),
            Self::Exited { process, end: End::Signal(signal) } => {
                Writer::new(4).number(*process).number(*signal).frame()
            }
            Self::Empty => Writer::new(5).frame(),
        }
    }

    /// The news in a frame.
    ///
    /// # Errors
    ///
    /// [`FrameError`] when it is not exactly one piece of news.
    pub fn decode(frame: &[u8]) -> Result<Self, FrameError> {
        let (kind, mut fields) = Reader::new(frame)?;
        let news = match kind {
            1 => Self::Ready,
            2 => Self::Failed { reason: fields.text()?, shortage: fields.flag()? },
            3 => Self::Exited { process: fields.number()?, end: End::Code(fields.number()?) },
            4 => Self::Exited { process: fields.number()?, end: End::Signal(fields.number()?) },
            5 => Self::Empty,
            kind => return Err(FrameError::Kind(kind)),
        };
        fields.end(news)
    }
}

impl Program {
    /// The frame of this program.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let frame = Writer::new(1).texts(&self.candidates).texts(&self.arguments).texts(&self.environment);
        let frame = frame.flag(self.data_mb.is_some());
        let frame = self.data_mb.iter().fold(frame, |frame, limit| frame.number(limit.cast_signed()));
        frame.texts(&self.descriptor_variables).frame()
    }

    /// The program in a frame.
    ///
    /// # Errors
    ///
    /// [`FrameError`] when it is not exactly one program.
    pub fn decode(frame: &[u8]) -> Result<Self, FrameError> {
        let (kind, mut fields) = Reader::new(frame)?;
        if kind != 1 {
            return Err(FrameError::Kind(kind));
        }
        let program = Self {
            candidates: fields.texts()?,
            arguments: fields.texts()?,
            environment: fields.texts()?,
            data_mb: if fields.flag()? { Some(fields.number()?.cast_unsigned()) } else { None },
            descriptor_variables: fields.texts()?,
        };
        fields.end(program)
    }
}

impl SeatNews {
    /// The frame of this news.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Seated { process } => Writer::new(1).number(*process).frame(),
            Self::NoProgram { reason } => Writer::new(2).text(reason).frame(),
            Self::Failed { reason } => Writer::new(3).text(reason).frame(),
        }
    }

    /// The news in a frame.
    ///
    /// # Errors
    ///
    /// [`FrameError`] when it is not exactly one piece of news.
    pub fn decode(frame: &[u8]) -> Result<Self, FrameError> {
        let (kind, mut fields) = Reader::new(frame)?;
        let news = match kind {
            1 => Self::Seated { process: fields.number()? },
            2 => Self::NoProgram { reason: fields.text()? },
            3 => Self::Failed { reason: fields.text()? },
            kind => return Err(FrameError::Kind(kind)),
        };
        fields.end(news)
    }
}

/// Builds a frame: a kind, then fields. Numbers are little-endian, texts and lists carry their length in front.
#[derive(Debug)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// A frame of this kind without fields.
    #[must_use]
    pub fn new(kind: u8) -> Self {
        Self(vec![kind])
    }

    /// Appends a yes or no.
    #[must_use]
    pub fn flag(mut self, value: bool) -> Self {
        self.0.push(u8::from(value));
        self
    }

    /// Appends a number.
    #[must_use]
    pub fn number(mut self, value: i32) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Appends a text.
    #[must_use]
    pub fn text(mut self, value: &str) -> Self {
        self.0.extend_from_slice(&(value.len() as u64).to_le_bytes());
        self.0.extend_from_slice(value.as_bytes());
        self
    }

    /// Appends a list of texts.
    #[must_use]
    pub fn texts(mut self, values: &[String]) -> Self {
        self.0.extend_from_slice(&(values.len() as u64).to_le_bytes());
        values.iter().fold(self, |writer, value| writer.text(value))
    }

    /// The frame.
    #[must_use]
    pub fn frame(self) -> Vec<u8> {
        self.0
    }
}

/// Takes a frame apart, in the order it was built.
#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The kind of a frame, and what reads its fields.
    ///
    /// # Errors
    ///
    /// [`FrameError::Short`] for an empty frame.
    pub fn new(frame: &'a [u8]) -> Result<(u8, Self), FrameError> {
        let (kind, fields) = frame.split_first().ok_or(FrameError::Short)?;
        Ok((*kind, Self(fields)))
    }

    /// The next field, a yes or no.
    ///
    /// # Errors
    ///
    /// [`FrameError::Short`]
    pub fn flag(&mut self) -> Result<bool, FrameError> {
        Ok(self.fixed::<1>()? != [0])
    }

    /// The next field, a number.
    ///
    /// # Errors
    ///
    /// [`FrameError::Short`]
    pub fn number(&mut self) -> Result<i32, FrameError> {
        Ok(i32::from_le_bytes(self.fixed()?))
    }

    /// The next field, a text.
    ///
    /// # Errors
    ///
    /// [`FrameError::Short`], [`FrameError::Text`]
    pub fn text(&mut self) -> Result<String, FrameError> {
        let length = self.length()?;
        let (text, rest) = self.0.split_at_checked(length).ok_or(FrameError::Short)?;
        self.0 = rest;
        str::from_utf8(text).map(str::to_owned).map_err(|_| FrameError::Text)
    }

    /// The next field, a list of texts.
    ///
    /// # Errors
    ///
    /// [`FrameError::Short`], [`FrameError::Text`]
    pub fn texts(&mut self) -> Result<Vec<String>, FrameError> {
        let count = self.length()?;
        // No allocation by the claimed count: every text must really be there.
        let mut texts = Vec::new();
        for _ in 0..count {
            texts.push(self.text()?);
        }
        Ok(texts)
    }

    /// Gives `whole` if nothing is left.
    ///
    /// # Errors
    ///
    /// [`FrameError::Long`]
    pub fn end<T>(self, whole: T) -> Result<T, FrameError> {
        match self.0.len() {
            0 => Ok(whole),
            more => Err(FrameError::Long(more)),
        }
    }

    fn length(&mut self) -> Result<usize, FrameError> {
        usize::try_from(u64::from_le_bytes(self.fixed()?)).map_err(|_| FrameError::Short)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or(FrameError::Short)?;
        self.0 = rest;
        Ok(*bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_comes_back_as_it_went() {
        for order in [
            Order::Seat { born_inside: true },
            Order::Seat { born_inside: false },
            Order::Signal { process: 7, signal: 15 },
            Order::KillAll,
            Order::Kill { process: 7 },
            Order::Freeze,
            Order::Thaw,
        ] {
            assert_eq!(Order::decode(&order.encode()), Ok(order));
        }
        for news in [
            News::Ready,
            News::Failed { reason: "no".into(), shortage: true },
            News::Exited { process: 2, end: End::Code(3) },
            News::Exited { process: 2, end: End::Signal(9) },
            News::Empty,
        ] {
            assert_eq!(News::decode(&news.encode()), Ok(news));
        }
        for news in [
            SeatNews::Seated { process: 2 },
            SeatNews::NoProgram { reason: "é".into() },
            SeatNews::Failed { reason: String::new() },
        ] {
            assert_eq!(SeatNews::decode(&news.encode()), Ok(news));
        }
        for (data_mb, variables) in [(None, vec!["LOG_FD".to_owned()]), (Some(10_240), vec![])] {
            let program = Program {
                candidates: vec!["/var/task/bootstrap".into(), "/opt/bootstrap".into()],
                arguments: vec![],
                environment: vec!["A=b".into(), "C=".into()],
                data_mb,
                descriptor_variables: variables,
            };
            assert_eq!(Program::decode(&program.encode()), Ok(program));
        }
    }

    #[test]
    fn cut_or_padded_frames_are_refused() {
        let whole = News::Exited { process: 2, end: End::Code(3) }.encode();
        for length in 0..whole.len() {
            assert_eq!(News::decode(&whole[..length]), Err(FrameError::Short), "cut to {length}");
        }
        let padded = [whole.as_slice(), b"x"].concat();
        assert_eq!(News::decode(&padded), Err(FrameError::Long(1)));
        assert_eq!(Order::decode(&[9]), Err(FrameError::Kind(9)));
    }

    #[test]
    fn a_claimed_count_allocates_nothing() {
        let mut frame = vec![1];
        frame.extend_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(Program::decode(&frame), Err(FrameError::Short));
    }
}
