//! What the caller of an invocation gets, and when: at once, or with the end of the log once REPORT is written.

use super::driver::Driver;
use super::{Job, Reply, RuntimeResult};
use crate::payload;
use hearth_api::environments::{InvokeError, InvokeResponse};
use hearth_core::environment::Outcome;
use hearth_core::error::ErrorType;
use hearth_core::ids::RequestId;

impl Driver {
    pub(super) fn job(&mut self, id: RequestId) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.invocation.request_id == id)
    }

    /// The invocation has its outcome.
    pub(super) fn complete(&mut self, id: RequestId, outcome: Outcome) {
        self.answering = None;
        if let Some(why) = self.short_of.take()
            && !self.job(id).is_some_and(|job| job.started)
        {
            return self.answer_error(id, InvokeError::Capacity(why));
        }
        let result = match outcome {
            Outcome::NotRestored(why) => return self.answer_error(id, InvokeError::NotRestored(why)),
            Outcome::Answered => self.result.take().unwrap_or_else(|| self.fatal(id, ErrorType::SandboxFailure)),
            Outcome::InitError => self.reported(id),
            // What the runtime said of the Init before goes before the bare fact that this one ended.
            Outcome::Failed(ErrorType::RuntimeExitError) if self.earlier_init_error.is_some() => self.reported(id),
            Outcome::Failed(fault) => self.fatal(id, fault),
        };
        if let Some(arrival) = result.arrival {
            self.spans.answered(self.node.clock, arrival);
        }
        let mut response = InvokeResponse {
            payload: result.payload,
            function_error: result.function_error,
            log_tail: None,
            executed_version: self.me.function.version.clone(),
        };
        if self.is_leaving() {
            self.pool.release(&self.me);
        } else {
            // The caller may be back before we are free, and should meet this environment again.
            self.pool.finishing(&self.me);
        }
        self.me.observe(|snapshot| snapshot.expected = None);
        let interrupted = outcome == Outcome::Failed(ErrorType::SandboxFailure) && self.node.is_draining();
        // Without START there will be no REPORT: an invocation that fails before it began.
        let begins = self.machine.phase().invocation() == Some(id);
        let report_follows = begins || self.job(id).is_some_and(|job| job.started);
        if !report_follows {
            // What led to it can be read by then.
            self.log.flush();
            let wants_tail = self.job(id).is_some_and(|job| job.invocation.log_tail);
            response.log_tail = wants_tail.then(|| self.log.tail());
        }
        let Some(job) = self.job(id) else { return };
        if interrupted {
            // The service stops: an event that is queued must run again, and nobody waits for a log's tail.
            if let Some(reply) = job.reply.take() {
                reply.send(Reply::Done(Err(InvokeError::Draining))).unwrap_or_default();
            }
        } else if job.invocation.log_tail && report_follows {
            job.held = Some(response);
        } else if let Some(reply) = job.reply.take() {
            // Not before the turn is over; an earlier one that waits for that has waited long enough.
            let earlier = self.answered.replace((reply, Reply::Done(Ok(response))));
            earlier.into_iter().for_each(|(caller, answer)| caller.send(answer).unwrap_or_default());
        }
        if !report_follows {
            self.jobs.retain(|job| job.invocation.request_id != id);
        }
    }

    /// The function has not run; what led to it can be read by then.
    fn answer_error(&mut self, id: RequestId, error: InvokeError) {
        let Some(at) = self.jobs.iter().position(|job| job.invocation.request_id == id) else { return };
        self.log.flush();
        self.pool.release(&self.me);
        if let Some(reply) = self.jobs.swap_remove(at).reply {
            reply.send(Reply::Done(Err(error))).unwrap_or_default();
        }
    }

    /// REPORT is written: nothing more of this invocation will come.
    pub(super) fn finish(&mut self, id: RequestId) {
        let Some(at) = self.jobs.iter().position(|job| job.invocation.request_id == id) else { return };
        let job = self.jobs.swap_remove(at);
        self.earlier_init_error = None;
        if let (Some(mut response), Some(reply)) = (job.held, job.reply) {
            // A caller who has the end of the log finds it in the log.
            self.log.flush();
            response.log_tail = Some(self.log.tail());
            reply.send(Reply::Done(Ok(response))).unwrap_or_default();
        }
        self.log.end_tail();
    }

    fn reported(&self, id: RequestId) -> RuntimeResult {
        match self.init_error.as_ref().or(self.earlier_init_error.as_ref()) {
            Some((_, payload)) => RuntimeResult { payload: payload.clone(), function_error: true, arrival: None },
            None => self.fatal(id, ErrorType::RuntimeUnknown),
        }
    }

    fn fatal(&self, id: RequestId, fault: ErrorType) -> RuntimeResult {
        let timeout_ms = u64::from(self.me.function.timeout_s) * 1_000;
        let payload = payload::fatal(id, fault, timeout_ms, &self.exit_text);
        RuntimeResult { payload, function_error: true, arrival: None }
    }
}
