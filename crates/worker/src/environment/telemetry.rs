//! Telemetry as the environment's task sees it: subscriptions, batches that go out, and extensions that are told of the end
//! only once they have got what was said before it, or have had time for that.

use super::driver::Driver;
use super::{Environment, Message};
use crate::telemetry::Delivery;
use hearth_api::platform_event::PlatformEvent;
use hearth_core::environment::{Moment, Phase, Reason};
use hearth_core::extension::{ExtensionId, Refusal};
use hearth_core::limits::TELEMETRY_FLUSH_MS;
use hearth_core::telemetry::Subscription;
use std::sync::Arc;

/// Extensions that are to be told of the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Farewell {
    /// When they are told at the latest.
    until: Moment,
    /// When they must have ended.
    deadline: Moment,
    reason: Reason,
}

impl Driver {
    pub(super) fn on_subscribe(&mut self, id: ExtensionId, subscription: Subscription) -> Result<(), Refusal> {
        let api = subscription.schema.api();
        let types = subscription.types;
        let name = self.machine.subscriber(id, api)?.to_owned();
        if self.log.telemetry().subscribe(id, subscription)? {
            self.log.platform(&PlatformEvent::Subscription { api, name, types });
        }
        Ok(())
    }

    /// Sends what is due.
    pub(super) fn send_telemetry(&mut self) {
        let (me, sandbox) = (&self.me, &self.sandbox);
        self.log.telemetry().poll(|delivery: Delivery| {
            let (me, sandbox): (Arc<Environment>, _) = (Arc::clone(me), Arc::clone(sandbox));
            let task = async move { me.tell(Message::Telemetry(delivery.run(sandbox).await)) };
            tokio::spawn(task).abort_handle()
        });
        self.say_farewell();
    }

    /// The end, to those who have registered for it; after what was said before it.
    pub(super) fn on_notify_shutdown(&mut self, deadline: Moment, reason: Reason) {
        self.log.telemetry().hurry();
        let until = self.farewell.map_or_else(|| self.node.clock.now().plus_ms(TELEMETRY_FLUSH_MS), |it| it.until);
        self.farewell = Some(Farewell { until, deadline, reason });
        self.send_telemetry();
    }

    fn say_farewell(&mut self) {
        let Some(Farewell { until, deadline, reason }) = self.farewell else { return };
        if !matches!(self.machine.phase(), Phase::Stopping { .. }) {
            // Too late for words.
            self.farewell = None;
        } else if self.log.telemetry().is_settled() || self.node.clock.now() >= until {
            self.farewell = None;
            self.notify_shutdown(deadline, reason);
        }
    }

    /// When [`Driver::send_telemetry`] has something to do.
    pub(super) fn telemetry_wakes_at(&self) -> Option<Moment> {
        let farewell = self.farewell.map(|farewell| farewell.until);
        [self.log.telemetry_wakes_at(), farewell].into_iter().flatten().min()
    }
}
