//! What must hold for any order of events, and the timing of a delivery.

use super::*;
use proptest::prelude::*;

const BUFFERING: Buffering = Buffering { max_items: 5, max_bytes: 100, timeout_ms: 1_000 };

#[derive(Clone, Debug)]
enum Doing {
    Put(usize),
    Wait(u64),
    Deliver { late: bool },
    Fail { late: bool },
    Freeze,
    Thaw,
    Hurry,
}

fn anything() -> impl Strategy<Value = Doing> {
    prop_oneof![
        8 => prop_oneof![4 => 0usize..60, 1 => Just(TELEMETRY_BYTES / 3)].prop_map(Doing::Put),
        4 => prop_oneof![0u64..50, 500u64..8_000].prop_map(Doing::Wait),
        3 => any::<bool>().prop_map(|late| Doing::Deliver { late }),
        3 => any::<bool>().prop_map(|late| Doing::Fail { late }),
        1 => Just(Doing::Freeze),
        1 => Just(Doing::Thaw),
        1 => Just(Doing::Hurry),
    ]
}

/// An event that says which it is.
fn event(number: usize, size: usize) -> Arc<str> {
    format!("{number} {}", "x".repeat(size)).into()
}

fn number(event: &str) -> u64 {
    event.split(' ').next().unwrap().parse().unwrap()
}

/// The batch that is to be sent, if one is.
fn sent(order: Option<Order>) -> Option<(u64, Vec<Parcel>)> {
    if let Some(Order::Send { attempt, batch }) = order { Some((attempt, batch)) } else { None }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// Every event arrives once and in order, or is counted in its place.
    #[test]
    fn nothing_is_lost_uncounted_doubled_or_kept_without_bound(steps in prop::collection::vec(anything(), 0..150)) {
        let (mut outbox, mut now) = (Outbox::new(BUFFERING), Moment(0));
        let (mut put, mut seen, mut frozen) = (0usize, 0u64, false);
        let (mut arrived, mut told) = (0u64, 0u64);
        let mut sending: Option<(u64, Vec<Parcel>)> = None;
        let ending = [Doing::Thaw, Doing::Hurry].into_iter().chain((0..600).flat_map(|_| [
            Doing::Wait(10_000), Doing::Deliver { late: false },
        ]));
        for doing in steps.into_iter().chain(ending) {
            match doing {
                Doing::Put(size) => {
                    outbox.put(now, event(put, size));
                    put += 1;
                }
                Doing::Wait(ms) => now = now.plus_ms(ms),
                Doing::Deliver { late: true } => {
                    let earlier = sending.as_ref().map_or(7, |(attempt, _)| attempt - 1);
                    prop_assert!(!outbox.delivered(earlier), "of an earlier attempt nothing is heard");
                }
                Doing::Fail { late: true } => outbox.failed(now, sending.as_ref().map_or(7, |(attempt, _)| attempt - 1)),
                Doing::Deliver { late: false } => if let Some((attempt, batch)) = sending.take() {
                    prop_assert!(outbox.delivered(attempt));
                    for parcel in batch {
                        match parcel {
                            Parcel::Event(event) => {
                                prop_assert_eq!(number(&event), seen, "in order, each once");
                                seen += 1;
                                arrived += 1;
                            }
                            Parcel::Dropped(dropped) => seen += dropped.records,
                        }
                    }
                },
                Doing::Fail { late: false } => if let Some((attempt, _)) = sending.take() {
                    outbox.failed(now, attempt);
                },
                Doing::Freeze => { frozen = true; outbox.freeze(now) }
                Doing::Thaw => { frozen = false; outbox.thaw(now) }
                Doing::Hurry => outbox.hurry(),
            }
            while let Some(order) = outbox.poll(now) {
                prop_assert!(!frozen, "nothing is sent to who is frozen");
                match order {
                    Order::Abandon => prop_assert!(sending.take().is_some(), "there is something to abandon"),
                    Order::Send { attempt, batch } => {
                        prop_assert!(sending.is_none(), "one at a time");
                        prop_assert!(!batch.is_empty() && batch.len() <= BUFFERING.max_items);
                        let all_but_last = batch.iter().rev().skip(1).map(Parcel::bytes).sum::<usize>();
                        prop_assert!(all_but_last < BUFFERING.max_bytes);
                        sending = Some((attempt, batch));
                    }
                }
            }
            prop_assert!(outbox.wake_at().is_none_or(|at| at > now), "what is due has been done");
            let waiting: usize = outbox.waiting.iter().map(|(_, parcel)| parcel.bytes()).sum();
            prop_assert_eq!(waiting, outbox.waiting_bytes);
            prop_assert!(outbox.kept_bytes <= TELEMETRY_BYTES);
            let counts = outbox.waiting.iter().filter(|(_, parcel)| matches!(parcel, Parcel::Dropped(_))).count();
            prop_assert!(counts <= outbox.waiting.len() / 2 + 1, "counts that meet are one");
            let undelivered = missing(outbox.undelivered()).map_or(0, |dropped| dropped.records);
            prop_assert_eq!(seen + undelivered, put as u64, "at any time");
            told += outbox.given_up().map_or(0, |dropped| dropped.records);
            prop_assert_eq!(told + arrived + lost(outbox.undelivered()).map_or(0, |events| events.records), put as u64);
        }
        prop_assert!(outbox.is_settled());
        let missed = outbox.waiting.iter().map(|(_, parcel)| match parcel {
            Parcel::Dropped(dropped) => dropped.records,
            Parcel::Event(_) => 0,
        });
        prop_assert_eq!(seen + missed.sum::<u64>(), put as u64, "each event has arrived or is counted");
        prop_assert_eq!(outbox.kept_bytes, 0);
    }
}

#[test]
fn a_batch_goes_when_it_is_full_or_old_enough() {
    let mut outbox = Outbox::new(BUFFERING);
    outbox.put(Moment(0), event(0, 1));
    assert_eq!((outbox.poll(Moment(999_999)), outbox.wake_at()), (None, Some(Moment(1_000_000))));
    let (attempt, batch) = sent(outbox.poll(Moment(1_000_000))).unwrap();
    assert_eq!(batch, [Parcel::Event(event(0, 1))]);
    (1..=5).for_each(|number| outbox.put(Moment(1_000_000), event(number, 1)));
    assert_eq!(outbox.poll(Moment(1_000_000)), None, "one at a time");
    outbox.delivered(attempt);
    let (attempt, batch) = sent(outbox.poll(Moment(1_000_000))).unwrap();
    assert_eq!(batch.len(), 5, "as many as may be, at once");
    outbox.delivered(attempt);
    outbox.put(Moment(2_000_000), event(6, 100));
    assert!(sent(outbox.poll(Moment(2_000_000))).is_some(), "as large as may be, at once");
}

#[test]
fn an_attempt_that_fails_or_hangs_is_repeated_and_then_counted() {
    let mut outbox = Outbox::new(BUFFERING);
    outbox.hurry();
    outbox.put(Moment(0), event(0, 10));
    let mut now = Moment(0);
    for tries in 1..=TELEMETRY_ATTEMPTS {
        let (attempt, _) = sent(outbox.poll(now)).unwrap();
        if tries % 2 == 0 {
            outbox.failed(now, attempt);
        } else {
            now = outbox.wake_at().unwrap();
            assert_eq!(outbox.poll(now), Some(Order::Abandon));
        }
        outbox.failed(now, attempt);
        now = outbox.wake_at().unwrap_or(now);
    }
    assert_eq!((outbox.poll(now), outbox.wake_at()), (None, None), "who is gone is not called again");
    outbox.put(now, event(1, 10));
    let (_, batch) = sent(outbox.poll(now)).unwrap();
    let missing = Dropped { records: 1, bytes: 12, cause: Cause::Unreachable };
    assert_eq!(batch, [Parcel::Dropped(missing), Parcel::Event(event(1, 10))]);
}

#[test]
fn who_goes_on_for_another_counts_what_that_one_had_and_tells_of_it_once() {
    let mut before = Outbox::new(BUFFERING);
    before.miss(Moment(0), Dropped { records: 2, bytes: 20, cause: Cause::Flood });
    assert_eq!(before.given_up().map(|dropped| dropped.records), Some(2));
    before.put(Moment(0), event(0, 10));
    let mut outbox = Outbox::new(BUFFERING);
    outbox.succeed(Moment(0), &before);
    assert_eq!(outbox.given_up(), Some(Dropped { records: 1, bytes: 12, cause: Cause::Unreachable }));
    assert_eq!(outbox.given_up(), None);
    assert_eq!(missing(outbox.undelivered()).map(|dropped| dropped.records), Some(3));
}

#[test]
fn time_stands_still_for_who_is_frozen() {
    let mut outbox = Outbox::new(BUFFERING);
    outbox.put(Moment(0), event(0, 1));
    let (attempt, _) = sent(outbox.poll(Moment(1_000_000))).unwrap();
    outbox.freeze(Moment(1_500_000));
    let later = Moment(900_000_000);
    assert_eq!((outbox.poll(later), outbox.wake_at()), (None, None));
    outbox.thaw(later);
    assert_eq!(outbox.poll(later), None, "it has the rest of its time");
    outbox.delivered(attempt);
    assert!(outbox.is_settled());
}
