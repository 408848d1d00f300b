//! DNS messages (RFC 1035), as far as a forwarder must understand them: one question, and whether an answer belongs to it.
//!
//! It refuses to look into answers: they come from outside, go to hostile code, and need only the right id and question.

use crate::network::NAMES;
use std::net::Ipv4Addr;

/// A question's head: everything before its name.
const HEAD: usize = 12;
/// Longest name on the wire (RFC 1035).
const NAME_BYTES: usize = 255;
/// Longest label of a name; larger numbers are pointers, which a question has no use for.
const LABEL_BYTES: u8 = 63;
/// How long a resolver inside may remember the host's name, seconds (ours).
const TTL_S: u32 = 60;
const TYPE_A: u16 = 1;
const CLASS_IN: u16 = 1;

/// What becomes of a query without anybody being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// It cannot be understood.
    FormatError = 1,
    /// Nobody answered.
    ServerFailure = 2,
    /// There is no such name.
    NoSuchName = 3,
    /// It is no ordinary question.
    NotImplemented = 4,
}

/// A query that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    message: &'a [u8],
    /// Where the question ends.
    end: usize,
    kind: u16,
    class: u16,
}

impl<'a> Query<'a> {
    /// The query in a message.
    ///
    /// # Errors
    ///
    /// What to answer instead; `None`: nothing, for it is no query at all.
    pub fn read(message: &'a [u8]) -> Result<Self, Option<Vec<u8>>> {
        let [_, _, flags, _, counts @ ..] = message.first_chunk::<HEAD>().ok_or(None)?;
        if flags & 0x80 != 0 {
            return Err(None); // an answer: answering it could go on for ever
        }
        if flags & 0x78 != 0 {
            return Err(Some(reply(message, HEAD, Code::NotImplemented)));
        }
        let malformed = || Some(reply(message, HEAD, Code::FormatError));
        let questions = u16::from_be_bytes([counts[0], counts[1]]);
        let end = name_end(message).filter(|_| questions == 1).ok_or_else(malformed)?;
        let &[kind_high, kind_low, class_high, class_low] =
            message.get(end..).and_then(<[u8]>::first_chunk).ok_or_else(malformed)?;
        let (kind, class) = (u16::from_be_bytes([kind_high, kind_low]), u16::from_be_bytes([class_high, class_low]));
        Ok(Self { message, end: end + 4, kind, class })
    }

    /// The address that the name has which it asks for, if that is one of ours.
    #[must_use]
    pub fn own_address(&self) -> Option<Ipv4Addr> {
        NAMES.iter().find(|(name, _)| self.is_for(name)).map(|(_, address)| *address)
    }

    fn is_for(&self, name: &str) -> bool {
        let mut rest = self.name();
        for wanted in name.split('.') {
            let Some((length, after)) = rest.split_first() else { return false };
            let Some((label, after)) = after.split_at_checked(usize::from(*length)) else { return false };
            if !label.eq_ignore_ascii_case(wanted.as_bytes()) {
                return false;
            }
            rest = after;
        }
        rest == [0]
    }

    fn name(&self) -> &[u8] {
        self.message.get(HEAD..self.end - 4).unwrap_or_default()
    }

    /// The answer to a question for a name of ours: its address, or nothing of the kind that was asked for.
    #[must_use]
    pub fn answer(&self, address: Ipv4Addr) -> Vec<u8> {
        let mut answer = reply_flags(self.message, self.end, 0);
        if self.kind == TYPE_A && self.class == CLASS_IN {
            if let Some(count) = answer.get_mut(7) {
                *count = 1;
            }
            // The name is a pointer to that of the question.
            answer.extend([0xC0, 12, 0, 1, 0, 1]);
            answer.extend(TTL_S.to_be_bytes());
            answer.extend([0, 4]);
            answer.extend(address.octets());
        }
        answer
    }

    /// An answer without content.
    #[must_use]
    pub fn refuse(&self, code: Code) -> Vec<u8> {
        reply(self.message, self.end, code)
    }

    /// An answer that is too long for the way it came: the client asks again over TCP.
    #[must_use]
    pub fn truncated(&self) -> Vec<u8> {
        reply_flags(self.message, self.end, 0x0200)
    }

    /// The query with another id, for the resolver it is passed on to.
    #[must_use]
    pub fn with_id(&self, id: u16) -> Vec<u8> {
        renumbered(self.message, id)
    }

    /// The resolver's answer as the client must see it; `None` when it does not answer this query under this id.
    #[must_use]
    pub fn accept(&self, id: u16, answer: &[u8]) -> Option<Vec<u8>> {
        let [high, low, flags, _, counts @ ..] = answer.first_chunk::<HEAD>()?;
        let belongs = u16::from_be_bytes([*high, *low]) == id && flags & 0x80 != 0;
        let own = self.message.first_chunk::<2>()?;
        // A server that could not read the question need not repeat it.
        let question = match u16::from_be_bytes([counts[0], counts[1]]) {
            0 => answer.get(3).is_some_and(|code| code & 0x0F != 0),
            1 => self.message.get(HEAD..self.end).zip(answer.get(HEAD..self.end)).is_some_and(|(asked, answered)| {
                // Lengths of labels are below any letter: ignoring case touches names only.
                asked.eq_ignore_ascii_case(answered)
            }),
            _ => false,
        };
        (belongs && question).then(|| renumbered(answer, u16::from_be_bytes(*own)))
    }
}

/// Where the name that begins after the head ends.
fn name_end(message: &[u8]) -> Option<usize> {
    let mut at = HEAD;
    loop {
        match *message.get(at)? {
            0 => return (at + 1 - HEAD <= NAME_BYTES).then_some(at + 1),
            length if length <= LABEL_BYTES => at += usize::from(length) + 1,
            _ => return None,
        }
    }
}

fn renumbered(message: &[u8], id: u16) -> Vec<u8> {
    let mut message = message.to_vec();
    if let Some(place) = message.first_chunk_mut::<2>() {
        *place = id.to_be_bytes();
    }
    message
}

fn reply(message: &[u8], end: usize, code: Code) -> Vec<u8> {
    reply_flags(message, end, code as u16)
}

/// The query up to `end` as an answer without records: "recursion available" beside these flags.
fn reply_flags(message: &[u8], end: usize, flags: u16) -> Vec<u8> {
    let mut answer = message.get(..end).unwrap_or(message).to_vec();
    if let Some([_, _, high, low, _, questions, rest @ ..]) = answer.first_chunk_mut::<HEAD>() {
        let [more_high, more_low] = flags.to_be_bytes();
        *high = 0x80 | (*high & 0x79) | more_high;
        *low = 0x80 | more_low;
        *questions = u8::from(end > HEAD);
        *rest = [0; 6];
    }
    if let Some(questions_high) = answer.get_mut(4) {
        *questions_high = 0;
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn query(name: &str, kind: u16) -> Vec<u8> {
        let mut message = vec![0x12, 0x34, 1, 0x20, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.').filter(|label| !label.is_empty()) {
            message.push(u8::try_from(label.len()).expect("a short label"));
            message.extend(label.as_bytes());
        }
        message.extend([0]);
        message.extend(kind.to_be_bytes());
        message.extend([0, 1]);
        message
    }

    #[test]
    fn names_of_ours_have_one_address() {
        let own = |asked: &[u8]| {
            let query = Query::read(asked).expect("a query");
            query.answer(query.own_address().expect("ours"))
        };
        let asked = query("Host.HEARTH.internal", TYPE_A);
        let answer = own(&asked);
        assert_eq!(answer[..12], [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        assert_eq!(answer[12..asked.len()], asked[12..]);
        assert_eq!(answer[answer.len() - 6..], [0, 4, 169, 254, 100, 1]);
        for name in ["sandbox.localdomain", "sandbox"] {
            assert!(own(&query(name, TYPE_A)).ends_with(&[0, 4, 127, 0, 0, 1]), "{name}");
        }
        let asked = query("sandbox.localdomain", 28);
        let answer = own(&asked);
        assert_eq!((answer.len(), &answer[..8]), (asked.len(), [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 0].as_slice()));
    }

    #[test]
    fn only_our_names_are_ours() {
        let own = |asked: &[u8]| Query::read(asked).expect("a query").own_address();
        for other in ["hearth.internal", "x.host.hearth.internal", "host.hearth.internal.x", "host.hearth.interna", ""]
        {
            assert_eq!(own(&query(other, TYPE_A)), None, "{other}");
        }
        assert_eq!(own(&query("localdomain", TYPE_A)), None);
        assert_eq!(own(&query("HOST.hearth.internal", 99)), Some(Ipv4Addr::new(169, 254, 100, 1)));
    }

    #[test]
    fn an_answer_must_have_the_id_and_the_question() {
        let asked = query("example.com", TYPE_A);
        let query_read = Query::read(&asked).expect("a query");
        let passed_on = query_read.with_id(7);
        let mut answer = passed_on.clone();
        answer[2] |= 0x80;
        answer[12 + 1] = b'E';
        answer.extend([1, 2, 3]);
        let accepted = query_read.accept(7, &answer).expect("it answers");
        assert_eq!((&accepted[..2], &accepted[2..]), ([0x12, 0x34].as_slice(), &answer[2..]));
        assert_eq!(query_read.accept(8, &answer), None, "another id");
        assert_eq!(query_read.accept(7, &passed_on), None, "a query");
        answer[13] = b'x';
        assert_eq!(query_read.accept(7, &answer), None, "another question");
        assert_eq!(query_read.accept(7, &answer[..20]), None, "cut");
        let empty_head = [0, 7, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(query_read.accept(7, &empty_head), None, "no question, no error");
        let error = [0, 7, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(query_read.accept(7, &error).is_some());
    }

    #[test]
    fn what_is_no_query_gets_an_error_or_nothing() {
        let code = |message: &[u8]| Query::read(message).expect_err("refused").map(|answer| answer[3] & 0x0F);
        let good = query("a.b", TYPE_A);
        let with = |at: usize, byte: u8| {
            let mut message = good.clone();
            message[at] = byte;
            message
        };
        assert_eq!(code(&good[..11]), None, "no head");
        assert_eq!(code(&with(2, 0x80)), None, "an answer");
        assert_eq!(code(&with(2, 0x28)), Some(4), "an update");
        assert_eq!(code(&with(5, 2)), Some(1), "two questions");
        assert_eq!(code(&with(12, 0xC0)), Some(1), "a pointer");
        assert_eq!(code(&good[..good.len() - 1]), Some(1), "cut");
        assert_eq!(code(&query(&"a.".repeat(128), TYPE_A)), Some(1), "a name too long");
    }

    proptest! {
        #[test]
        fn nothing_panics_and_answers_are_answers(message in proptest::collection::vec(any::<u8>(), 0..600), id: u16) {
            match Query::read(&message) {
                Ok(query) => {
                    for answer in [query.answer(Ipv4Addr::LOCALHOST), query.refuse(Code::NoSuchName), query.truncated()] {
                        prop_assert_eq!(&answer[..2], &message[..2]);
                        prop_assert!(answer[2] & 0x80 != 0 && answer.len() <= message.len() + 16);
                    }
                    prop_assert!(query.accept(id, &message).is_none(), "its own query is no answer");
                }
                Err(Some(answer)) => prop_assert!(answer.len() == 12 && answer[2] & 0x80 != 0),
                Err(None) => {}
            }
        }

        #[test]
        fn any_bytes_may_come_as_an_answer(answer in proptest::collection::vec(any::<u8>(), 0..600), id: u16) {
            let asked = query("example.com", TYPE_A);
            if let Some(accepted) = Query::read(&asked).expect("a query").accept(id, &answer) {
                prop_assert_eq!(accepted.len(), answer.len());
            }
        }
    }
}
