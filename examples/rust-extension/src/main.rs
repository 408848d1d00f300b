//! An external extension with AWS's own crate: it prints what it is told, what the platform says through the Telemetry API,
//! and ends as it is told to.

use lambda_extension::{
    Error, Extension, LambdaEvent, LambdaTelemetry, LambdaTelemetryRecord, NextEvent, SharedService, service_fn,
};

async fn handler(event: LambdaEvent) -> Result<(), Error> {
    match event.next {
        NextEvent::Invoke(invoke) => {
            println!("rust-extension INVOKE {} {}", invoke.request_id, invoke.invoked_function_arn);
        }
        NextEvent::Shutdown(shutdown) => {
            println!("rust-extension SHUTDOWN {}", shutdown.shutdown_reason);
            std::process::exit(0);
        }
    }
    Ok(())
}

async fn telemetry(events: Vec<LambdaTelemetry>) -> Result<(), Error> {
    for event in events {
        match event.record {
            LambdaTelemetryRecord::PlatformInitStart { phase, .. } => {
                println!("rust-extension platform initStart {phase:?}");
            }
            LambdaTelemetryRecord::PlatformStart { request_id, .. } => {
                println!("rust-extension platform start {request_id}");
            }
            LambdaTelemetryRecord::PlatformRuntimeDone { request_id, .. } => {
                println!("rust-extension platform runtimeDone {request_id}");
            }
            LambdaTelemetryRecord::PlatformReport { request_id, .. } => {
                println!("rust-extension platform report {request_id}");
            }
            _ => {}
        }
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    Extension::new()
        .with_events_processor(service_fn(handler))
        .with_telemetry_types(&["platform"])
        .with_telemetry_processor(SharedService::new(service_fn(telemetry)))
        .run()
        .await
}
