//! An external extension with AWS's own crate: it prints what it is told, and ends as it is told to.

use lambda_extension::{Error, Extension, LambdaEvent, NextEvent, service_fn};

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

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    Extension::new().with_events_processor(service_fn(handler)).run().await
}
