//! Who hears what, and how much is kept for them.

use super::*;
use hearth_core::ids::RequestId;
use hearth_core::limits::TELEMETRY_BYTES;
use hearth_core::telemetry::{Buffering, Destination, Parcel, Types};
use std::cell::RefCell;

const ONE: ExtensionId = ExtensionId(1);

fn subscription(schema: Schema, types: Types) -> Subscription {
    let buffering = Buffering { max_items: 1_000, max_bytes: 262_144, timeout_ms: 25 };
    Subscription { schema, types, destination: Destination::Tcp { port: 1 }, buffering }
}

fn everything(schema: Schema) -> Subscription {
    subscription(schema, Types { platform: true, function: true, extension: true })
}

fn start() -> PlatformEvent {
    PlatformEvent::Start { request_id: RequestId(1), version: "$LATEST".to_owned(), trace: None }
}

/// What each subscriber is sent now.
async fn sent(telemetry: &mut Telemetry) -> Vec<Vec<String>> {
    telemetry.hurry();
    let batches = RefCell::new(Vec::new());
    telemetry.poll(|delivery| {
        let events = delivery.batch.iter().map(|parcel| match parcel {
            Parcel::Event(event) => serde_json::from_str::<serde_json::Value>(event).unwrap()["type"].to_string(),
            Parcel::Dropped(dropped) => format!("{} dropped", dropped.records),
        });
        batches.borrow_mut().push(events.collect());
        tokio::spawn(async {}).abort_handle()
    });
    batches.into_inner()
}

#[tokio::test]
async fn who_subscribes_later_hears_what_was_said_before_and_only_what_it_wants() {
    let mut telemetry = Telemetry::new(Clock::start(), false);
    telemetry.printed(Category::Function, 0, "before the launch\n");
    telemetry.open();
    telemetry.printed(Category::Function, 0, "line\n");
    telemetry.platform(&start());
    telemetry.subscribe(ONE, everything(Schema::Telemetry20250129)).unwrap();
    let types = Types { platform: true, ..Types::default() };
    telemetry.subscribe(ExtensionId(2), subscription(Schema::Logs20200815, types)).unwrap();
    telemetry.close();
    telemetry.platform(&PlatformEvent::End(RequestId(1)));
    let all = sent(&mut telemetry).await;
    assert_eq!(all, [vec!["\"function\"", "\"platform.start\""], vec!["\"platform.start\"", "\"platform.end\""],]);
    telemetry.reset();
    telemetry.platform(&PlatformEvent::End(RequestId(1)));
    telemetry.open();
    telemetry.platform(&start());
    telemetry.subscribe(ONE, everything(Schema::Logs20200815)).unwrap();
    assert_eq!(sent(&mut telemetry).await, [["\"platform.end\"", "\"platform.start\""]], "how it ended before");
    telemetry.end();
    telemetry.platform(&start());
    assert!(sent(&mut telemetry).await.is_empty() && telemetry.is_settled());
}

#[tokio::test]
async fn a_second_subscription_replaces_the_first_and_not_that_of_the_other_api() {
    let mut telemetry = Telemetry::new(Clock::start(), false);
    telemetry.open();
    telemetry.platform(&start());
    telemetry.subscribe(ONE, everything(Schema::Telemetry20250129)).unwrap();
    let refused = telemetry.subscribe(ONE, everything(Schema::Logs20210318)).unwrap_err();
    assert_eq!(refused.error_type(), "Logs.NotSupported");
    telemetry.subscribe(ONE, everything(Schema::Telemetry20220701)).unwrap();
    telemetry.printed(Category::Extension, 0, "after\n");
    assert_eq!(sent(&mut telemetry).await, [["\"platform.start\"", "\"extension\""]], "nobody had got it yet");
    telemetry.on_delivered(Delivered { subscriber: 2, attempt: 1, outcome: Ok(None) });
    telemetry.printed(Category::Function, 0, "on its way\n");
    telemetry.subscribe(ONE, everything(Schema::Telemetry20221213)).unwrap();
    telemetry.printed(Category::Function, 0, "later\n");
    assert_eq!(sent(&mut telemetry).await, [["1 dropped", "\"function\""]]);
}

#[tokio::test]
async fn to_subscribe_again_loses_nothing_and_is_not_free() {
    let mut telemetry = Telemetry::new(Clock::start(), false);
    telemetry.open();
    let same = everything(Schema::Telemetry20250129);
    assert_eq!(telemetry.subscribe(ONE, same.clone()), Ok(true));
    telemetry.platform(&start());
    assert_eq!(telemetry.subscribe(ONE, same.clone()), Ok(false));
    assert_eq!(sent(&mut telemetry).await, [["\"platform.start\""]]);
    let of_number = |timeout_ms| Subscription { buffering: Buffering { timeout_ms, ..same.buffering }, ..same.clone() };
    let allowed = (1_000..2_000).take_while(|number| telemetry.subscribe(ONE, of_number(*number)).is_ok()).count();
    assert!(allowed < usize::try_from(TELEMETRY_SUBSCRIPTIONS).unwrap(), "{allowed}");
    let refused = telemetry.subscribe(ONE, of_number(3_000)).unwrap_err();
    assert_eq!(refused.error_type(), "Telemetry.SubscriptionClosed");
    telemetry.reset();
    assert_eq!(telemetry.subscribe(ONE, same), Ok(true), "after the next launch");
}

#[tokio::test]
async fn a_flood_is_bounded_before_and_after_somebody_subscribes() {
    let mut telemetry = Telemetry::new(Clock::start(), false);
    telemetry.open();
    let line = "x".repeat(10_000);
    let flood = |telemetry: &mut Telemetry| (0..1_000).for_each(|_| telemetry.printed(Category::Function, 0, &line));
    flood(&mut telemetry);
    let kept = telemetry.backlog.as_ref().unwrap();
    assert!(kept.bytes <= TELEMETRY_BACKLOG_BYTES && !kept.said.is_empty());
    telemetry.subscribe(ONE, everything(Schema::Telemetry20250129)).unwrap();
    flood(&mut telemetry);
    let (mut batches, mut bytes) = (Vec::new(), 0);
    while !telemetry.is_settled() {
        telemetry.hurry();
        let sent = RefCell::new(Vec::new());
        telemetry.poll(|delivery| {
            sent.borrow_mut().push((delivery.attempt, delivery.batch));
            tokio::spawn(async {}).abort_handle()
        });
        for (attempt, batch) in sent.into_inner() {
            bytes += batch
                .iter()
                .map(|parcel| if let Parcel::Event(event) = parcel { event.len() } else { 0 })
                .sum::<usize>();
            batches.push(batch);
            telemetry.on_delivered(Delivered { subscriber: 1, attempt, outcome: Ok(None) });
        }
    }
    assert!(bytes <= TELEMETRY_BYTES, "{bytes}");
    let records = |parcel: &Parcel| match parcel {
        Parcel::Event(_) => 1,
        Parcel::Dropped(dropped) => dropped.records,
    };
    assert_eq!(batches.concat().iter().map(records).sum::<u64>(), 2_000, "what is missing is counted");
}

#[tokio::test]
async fn what_has_no_place_in_the_log_is_counted_for_who_wanted_it() {
    let mut telemetry = Telemetry::new(Clock::start(), false);
    telemetry.open();
    telemetry.printed(Category::Function, 0, "line\n");
    telemetry.missed(Category::Function, 7);
    telemetry.printed(Category::Function, 0, "after that\n");
    telemetry.missed(Category::Extension, 7);
    telemetry.platform(&start());
    let types = Types { platform: true, function: true, extension: false };
    telemetry.subscribe(ONE, subscription(Schema::Telemetry20250129, types)).unwrap();
    telemetry.missed(Category::Function, 7);
    assert_eq!(sent(&mut telemetry).await, [["\"function\"", "\"platform.start\"", "3 dropped"]]);
}
