//! Drives a running service with the AWS SDK for Rust: create, get, list, invoke, update, delete.
//!
//! The service is at `HEARTH_ENDPOINT`; `tests/sdk/run` starts one. A program and not a test harness: it needs a service
//! for its whole life, and its steps build on each other.

use anyhow::{Context, Result, ensure};
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, InvocationType, LastUpdateStatus, LogType, Runtime, State};
use aws_sdk_lambda::{Client, Config};
use std::io::{Cursor, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use zip::write::SimpleFileOptions;

const NAME: &str = "from-the-rust-sdk";
const ECHO: &str = "import os\ndef handler(event, context): print('ran'); return [event, os.environ.get('SIDE')]\n";
/// A bound on waiting for a state, not a measurement.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (mut passed, mut failed) = (0, 0);
    match client() {
        Ok(client) => {
            for (name, outcome) in [
                ("create", create(&client).await),
                ("get and list", get_and_list(&client).await),
                ("invoke", invoke(&client).await),
                ("update", update(&client).await),
                ("errors", errors(&client).await),
                ("delete", delete(&client).await),
            ] {
                match outcome {
                    Ok(()) => {
                        println!("ok      {name}");
                        passed += 1;
                    }
                    Err(error) => {
                        println!("FAILED  {name}: {error:#}");
                        failed += 1;
                    }
                }
            }
        }
        Err(error) => {
            println!("FAILED  {error:#}");
            failed += 1;
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn client() -> Result<Client> {
    let endpoint = std::env::var("HEARTH_ENDPOINT").context("HEARTH_ENDPOINT names the service")?;
    Ok(Client::from_conf(
        Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("444444444444", "secret", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build(),
    ))
}

fn package(source: &str) -> Result<Blob> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("app.py", SimpleFileOptions::default())?;
    archive.write_all(source.as_bytes())?;
    Ok(Blob::new(archive.finish()?.into_inner()))
}

/// Polls the configuration until `done`; AWS's own waiters sleep for seconds between two looks.
async fn until(client: &Client, done: impl Fn(Option<&State>, Option<&LastUpdateStatus>) -> bool) -> Result<()> {
    let started = Instant::now();
    loop {
        let shown = client.get_function_configuration().function_name(NAME).send().await?;
        if done(shown.state(), shown.last_update_status()) {
            return Ok(());
        }
        ensure!(started.elapsed() < PATIENCE, "still {:?}, {:?}", shown.state(), shown.last_update_status());
    }
}

async fn create(client: &Client) -> Result<()> {
    let created = client
        .create_function()
        .function_name(NAME)
        .runtime(Runtime::Python311)
        .handler("app.handler")
        .role("arn:aws:iam::444444444444:role/any")
        .code(FunctionCode::builder().zip_file(package(ECHO)?).build())
        .memory_size(256)
        .send()
        .await?;
    ensure!(created.state() == Some(&State::Pending), "created as {:?}", created.state());
    let arn = format!("arn:aws:lambda:eu-west-1:444444444444:function:{NAME}");
    ensure!(created.function_arn() == Some(arn.as_str()), "its ARN is {:?}", created.function_arn());
    until(client, |state, _| state == Some(&State::Active)).await
}

async fn get_and_list(client: &Client) -> Result<()> {
    let got = client.get_function().function_name(NAME).send().await?;
    let configuration = got.configuration().context("no configuration")?;
    ensure!(configuration.memory_size() == Some(256) && configuration.timeout() == Some(3), "{configuration:?}");
    ensure!(got.code().and_then(|code| code.location()).is_some(), "no location of the code");
    let listed = client.list_functions().send().await?;
    let names: Vec<_> = listed.functions().iter().filter_map(|f| f.function_name()).collect();
    ensure!(names == [NAME], "another account's functions are listed: {names:?}");
    Ok(())
}

async fn invoke(client: &Client) -> Result<()> {
    let answer =
        client.invoke().function_name(NAME).payload(Blob::new(r#"{"a":1}"#)).log_type(LogType::Tail).send().await?;
    ensure!(answer.status_code() == 200 && answer.function_error().is_none(), "{answer:?}");
    ensure!(answer.executed_version() == Some("$LATEST"), "{:?}", answer.executed_version());
    ensure!(answer.log_result().is_some(), "no log tail");
    let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
    ensure!(payload == br#"[{"a": 1}, null]"#, "{}", String::from_utf8_lossy(payload));
    let event = client.invoke().function_name(NAME).invocation_type(InvocationType::Event).send().await?;
    ensure!(event.status_code() == 202, "an event answered {}", event.status_code());
    let dry = client.invoke().function_name(NAME).invocation_type(InvocationType::DryRun).send().await?;
    ensure!(dry.status_code() == 204, "a dry run answered {}", dry.status_code());
    Ok(())
}

async fn update(client: &Client) -> Result<()> {
    let applied = |_: Option<&State>, status: Option<&LastUpdateStatus>| status == Some(&LastUpdateStatus::Successful);
    client
        .update_function_configuration()
        .function_name(NAME)
        .environment(Environment::builder().variables("SIDE", "new").build())
        .send()
        .await?;
    until(client, applied).await?;
    let answer = client.invoke().function_name(NAME).payload(Blob::new("[]")).send().await?;
    let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
    ensure!(payload == br#"[[], "new"]"#, "{}", String::from_utf8_lossy(payload));
    let source = "def handler(event, context): return 'replaced'\n";
    client.update_function_code().function_name(NAME).zip_file(package(source)?).send().await?;
    until(client, applied).await?;
    let answer = client.invoke().function_name(NAME).send().await?;
    ensure!(answer.payload().map(Blob::as_ref) == Some(br#""replaced""#), "{answer:?}");
    Ok(())
}

async fn errors(client: &Client) -> Result<()> {
    let missing =
        client.invoke().function_name("absent").send().await.err().context("an absent function was invoked")?;
    let missing = missing.into_service_error();
    ensure!(missing.is_resource_not_found_exception(), "{missing:?}");
    let text = "Function not found: arn:aws:lambda:eu-west-1:444444444444:function:absent:$LATEST";
    ensure!(missing.message() == Some(text), "{:?}", missing.message());
    let refused = client.update_function_configuration().function_name(NAME).memory_size(64).send().await;
    let refused = refused.err().context("64 MB were accepted")?.into_service_error();
    ensure!(refused.code() == Some("ValidationException"), "{:?}", refused.code());
    let wrong = client.update_function_configuration().function_name(NAME).revision_id("wrong").send().await;
    let wrong = wrong.err().context("a wrong RevisionId was accepted")?.into_service_error();
    ensure!(wrong.is_precondition_failed_exception(), "{wrong:?}");
    Ok(())
}

async fn delete(client: &Client) -> Result<()> {
    client.delete_function().function_name(NAME).send().await?;
    let gone = client.get_function().function_name(NAME).send().await.err().context("it is still there")?;
    ensure!(gone.into_service_error().is_resource_not_found_exception(), "another error than not found");
    Ok(())
}
