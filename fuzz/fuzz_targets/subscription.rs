//! What an extension subscribes with: any bytes are refused, or lead to a port inside that is not the service's.
#![no_main]

use hearth_api::telemetry::subscription;
use hearth_core::limits::{TELEMETRY_MAX_BYTES, TELEMETRY_MAX_ITEMS};
use hearth_core::network::exposable;
use hearth_core::telemetry::{Api, Destination};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    for api in [Api::Telemetry, Api::Logs] {
        let Ok(subscription) = subscription(api, body) else { continue };
        assert_eq!(subscription.schema.api(), api);
        assert!(subscription.types.names().next().is_some());
        assert!(subscription.buffering.max_items <= TELEMETRY_MAX_ITEMS.1 as usize);
        assert!(subscription.buffering.max_bytes <= TELEMETRY_MAX_BYTES.1 as usize);
        assert!(exposable(subscription.destination.port()));
        if let Destination::Http { path, .. } = subscription.destination {
            assert!(path.starts_with('/') && !path.contains(char::is_control));
        }
    }
});
