//! What one warm invoke allocates, counted: payloads are handed on, not copied.
//!
//! The counts are of the whole process, the runtime that the test plays included, whose share is known: it reads each
//! event into one buffer of its own, and makes each answer.

#![expect(clippy::cast_precision_loss, reason = "counts of bytes, for ratios")]

mod common;

use common::{Stage, invocation, serving};
use hearth_api::environments::Environments;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SMALL: usize = 10_000;
const LARGE: usize = 1_000_000;
const ROUNDS: usize = 20;

/// Allocations and bytes of one invoke, by its event.
async fn cost(stage: &Stage, event: &str) -> (f64, f64) {
    stage.invoke_to_the_end(event).await;
    let mut counts = (0, 0);
    for _ in 0..ROUNDS {
        let invocation = invocation(event, true);
        let region = Region::new(ALLOCATOR);
        stage.worker.invoke(Arc::clone(&stage.function), invocation).await.expect("an answer");
        let change = region.change();
        counts.0 += change.allocations + change.reallocations;
        counts.1 += change.bytes_allocated;
    }
    (counts.0 as f64 / ROUNDS as f64, counts.1 as f64 / ROUNDS as f64)
}

#[tokio::test]
async fn a_payload_is_not_copied_on_its_way() {
    let stage = Stage::new(serving(|_, _, event| {
        // An answer as large as the event asks for.
        event.strip_prefix("\"answer ").map_or_else(
            || "null".to_owned(),
            |wanted| {
                let length = wanted.trim_end_matches('"').parse().unwrap_or(0);
                "x".repeat(length)
            },
        )
    }));
    let event = |length: usize| format!("\"{}\"", "e".repeat(length));
    let ((_, small), (_, large)) = (cost(&stage, &event(SMALL)).await, cost(&stage, &event(LARGE)).await);
    let per_byte = (large - small) / (LARGE - SMALL) as f64;
    assert!(per_byte < 1.2, "{per_byte} bytes for each byte of an event: one is the runtime's");

    let wanted = |length: usize| format!("\"answer {length}\"");
    let ((_, small), (_, large)) = (cost(&stage, &wanted(SMALL)).await, cost(&stage, &wanted(LARGE)).await);
    let per_byte = (large - small) / (LARGE - SMALL) as f64;
    assert!(
        per_byte < 2.3,
        "{per_byte} bytes for each byte of an answer: one is the runtime's, one is to read it into"
    );

    let (allocations, bytes) = cost(&stage, "null").await;
    assert!(allocations < 115.0 && bytes < 9_000.0, "{allocations} allocations, {bytes} bytes");
}
