//! Measures one POST again and again: `load ADDRESS PATH BODY COUNT CONNECTIONS` prints microseconds as JSON.
//!
//! Closed loop: each connection sends its next request when it has read the last answer. A tenth of COUNT is run first and
//! thrown away. Any status but 200 ends the measurement with an error: a fast refusal is no result.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use std::time::Instant;
use tokio::net::TcpStream;

/// Points of a distribution, evenly spaced by nines: 0, 20.6, 36.9 … 90 … 99 … 99.9 %.
const QUANTILES: u32 = 31;

#[derive(Clone)]
struct Target {
    address: String,
    path: String,
    body: Bytes,
}

/// Latencies of `count` requests over one connection, microseconds.
async fn drive(target: Target, count: usize) -> Result<Vec<f64>> {
    let stream = TcpStream::connect(&target.address).await.with_context(|| format!("connect to {}", target.address))?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let warm_up = count / 10;
    let mut latencies = Vec::with_capacity(count);
    for n in 0..warm_up + count {
        let request =
            Request::post(&target.path).header(header::HOST, &target.address).body(Full::new(target.body.clone()))?;
        let started = Instant::now();
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let elapsed = started.elapsed();
        ensure!(status == 200, "{status}: {}", String::from_utf8_lossy(&body));
        if n >= warm_up {
            latencies.push(elapsed.as_secs_f64() * 1e6);
        }
    }
    Ok(latencies)
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, path, body, count, connections] = arguments.as_slice() else {
        anyhow::bail!("usage: load ADDRESS PATH BODY COUNT CONNECTIONS");
    };
    let (count, connections): (usize, usize) = (count.parse()?, connections.parse()?);
    ensure!(count >= 1 && connections >= 1, "COUNT and CONNECTIONS are at least 1");
    let target = Target { address: address.clone(), path: path.clone(), body: Bytes::from(body.clone()) };
    let started = Instant::now();
    let running: Vec<_> = (0..connections).map(|_| tokio::spawn(drive(target.clone(), count / connections))).collect();
    let mut latencies = Vec::new();
    for one in running {
        latencies.extend(one.await??);
    }
    let seconds = started.elapsed().as_secs_f64();
    latencies.sort_by(f64::total_cmp);
    let at = |share: f64| latencies.get(((latencies.len() - 1) as f64 * share) as usize).copied();
    let share = |tenths: u32| 1.0 - 0.1_f64.powf(f64::from(tenths) / 10.0);
    let quantiles: Vec<_> = (0..QUANTILES).map(|tenths| (share(tenths), at(share(tenths)))).collect();
    println!(
        "{}",
        serde_json::json!({
            "count": latencies.len(),
            "p50_us": at(0.5),
            "p99_us": at(0.99),
            "max_us": at(1.0),
            "quantiles_us": quantiles,
            "per_second": latencies.len() as f64 * 1.1 / seconds,
        })
    );
    Ok(())
}
