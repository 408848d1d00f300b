//! A web service on axum and zlib, which is C, behind API Gateway's events.

use axum::extract::{Path, Query};
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use flate2::{Compression, write::ZlibEncoder};
use lambda_http::{Error, run};
use serde::Deserialize;
use std::collections::HashMap;
use std::io::Write as _;

#[derive(Deserialize)]
struct Points {
    points: Vec<u8>,
}

async fn hello(Path(name): Path<String>, Query(query): Query<HashMap<String, String>>) -> String {
    let greeting = query.get("greeting").map_or("good day", String::as_str);
    format!("hello, {name}, {greeting}")
}

/// The points, compressed.
async fn native(Json(Points { points }): Json<Points>) -> Result<Json<Vec<u8>>, StatusCode> {
    Ok(Json(compressed(&points)?))
}

async fn binary() -> Result<impl IntoResponse, StatusCode> {
    let numbers: Vec<u8> = (0..1000_u16).flat_map(u16::to_le_bytes).collect();
    Ok(([(CONTENT_TYPE, "application/octet-stream")], compressed(&numbers)?))
}

async fn fail() -> (StatusCode, &'static str) {
    (StatusCode::INTERNAL_SERVER_ERROR, "asked to")
}

fn compressed(bytes: &[u8]) -> Result<Vec<u8>, StatusCode> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let app = Router::new()
        .route("/hello/{name}", get(hello))
        .route("/native", post(native))
        .route("/binary", get(binary))
        .route("/fail", get(fail));
    run(app).await
}
