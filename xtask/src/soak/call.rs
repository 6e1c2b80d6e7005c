//! Calls of JSON-RPC over HTTP, each over a connection of its own.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use serde_json::{Value, json};

use crate::command::Failure;

/// Maximum time for a part of a call.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Calls a method of the node at `addr`.
pub(crate) fn call(addr: &str, method: &str, params: &Value) -> Result<Value, Failure> {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let failed = |reason: String| Failure::new(format!("{method} at {addr}: {reason}"));
    let answer = post(addr, &body).map_err(|error| failed(error.to_string()))?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or_else(|| failed("no HTTP".to_owned()))?;
    let mut answer: Value = serde_json::from_str(body).map_err(|_| failed(answer.clone()))?;
    match answer.get_mut("result") {
        Some(result) => Ok(result.take()),
        None => Err(failed(answer.to_string())),
    }
}

fn post(addr: &str, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
