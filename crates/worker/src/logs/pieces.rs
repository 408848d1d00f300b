//! What of a process's output fits into one event: its length, its text, its time.

use hearth_core::limits::{LOG_EVENT_AGE_MS, LOG_EVENT_BYTES};

/// Takes whole events off the front of what is longer than one may be. The rest is not longer, and is the next one's.
pub(super) fn cut(bytes: &mut Vec<u8>) -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    while bytes.len() > LOG_EVENT_BYTES {
        let rest = bytes.split_off(boundary(bytes, LOG_EVENT_BYTES));
        events.push(std::mem::replace(bytes, rest));
    }
    events
}

/// The last place at or before `at` where a character of UTF-8 can begin; `at` itself where none is near.
fn boundary(bytes: &[u8], at: usize) -> usize {
    // No character has more than four bytes.
    let near = (at.saturating_sub(3)..=at).rev();
    near.into_iter().find(|at| bytes.get(*at).is_none_or(|byte| !continues(*byte))).unwrap_or(at)
}

/// Whether a byte cannot be the first one of a character.
pub(super) fn continues(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

/// The text of an event. What is no UTF-8 becomes U+FFFD, which is longer: there can be several then.
pub(super) fn texts(bytes: Vec<u8>) -> Vec<String> {
    let text = String::from_utf8(bytes);
    let text = text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    let (mut texts, mut last) = (Vec::new(), text);
    while last.len() > LOG_EVENT_BYTES {
        let rest = last.split_off(last.floor_char_boundary(LOG_EVENT_BYTES));
        texts.push(std::mem::replace(&mut last, rest));
    }
    texts.push(last);
    texts
}

/// The time of an event whose writer says that it was at `time_us` (since the epoch), both ways in epoch milliseconds:
/// one that cannot be, or that CloudWatch would not take, is `now_ms`.
pub(super) fn believed(time_us: u64, now_ms: i64) -> i64 {
    let said_ms = i64::try_from(time_us / 1_000).unwrap_or(i64::MAX);
    let can_be = said_ms <= now_ms && now_ms.saturating_sub(said_ms) <= LOG_EVENT_AGE_MS;
    if can_be { said_ms } else { now_ms }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_cut_is_never_inside_a_character(before in 0_usize..5, character in prop::char::any(), more in 0_usize..9) {
            let fill = "x".repeat(LOG_EVENT_BYTES - before);
            let whole = format!("{fill}{}", character.to_string().repeat(more + before));
            let mut rest = whole.clone().into_bytes();
            let mut events = cut(&mut rest);
            events.push(rest);
            prop_assert!(events.iter().all(|event| event.len() <= LOG_EVENT_BYTES && str::from_utf8(event).is_ok()));
            prop_assert_eq!(events.concat(), whole.into_bytes());
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_cut_all_the_same() {
        let mut rest = vec![0x80; LOG_EVENT_BYTES * 2 + 1];
        let lengths: Vec<_> = cut(&mut rest).iter().map(Vec::len).collect();
        assert_eq!((lengths, rest.len()), (vec![LOG_EVENT_BYTES; 2], 1));
        assert_eq!(texts(vec![b'a', 0xff]), ["a\u{fffd}"]);
        let long = texts(vec![0xff; LOG_EVENT_BYTES]);
        assert!(long.iter().all(|text| text.len() <= LOG_EVENT_BYTES));
        assert_eq!(long.concat(), "\u{fffd}".repeat(LOG_EVENT_BYTES));
    }

    #[test]
    fn a_time_is_believed_within_what_it_can_be() {
        let now = 1_800_000_000_000;
        let said = |ms: i64| believed(u64::try_from(ms).unwrap() * 1_000 + 999, now);
        assert_eq!([said(now), said(now - 5), said(now - LOG_EVENT_AGE_MS)], [now, now - 5, now - LOG_EVENT_AGE_MS]);
        assert_eq!([said(now + 1), said(now - LOG_EVENT_AGE_MS - 1), believed(u64::MAX, now)], [now; 3]);
    }
}
