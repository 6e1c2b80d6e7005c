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
    let failed = |reason: &str| Failure::new(format!("{method} at {addr}: {reason}"));
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let mut answer = ask(addr, &request).map_err(|error| failed(&error))?;
    match answer.get_mut("result") {
        Some(result) => Ok(result.take()),
        None => Err(failed(&answer.to_string())),
    }
}

/// Calls a method several times in one request. An error if one of the calls fails.
pub(super) fn batch(addr: &str, method: &str, params: &[Value]) -> Result<(), Failure> {
    let failed = |reason: &str| Failure::new(format!("{method} at {addr}: {reason}"));
    let call = |(id, params): (usize, &Value)| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    let request = params.iter().enumerate().map(call).collect();
    let answers = ask(addr, &request).map_err(|error| failed(&error))?;
    let answers = answers.as_array().map(Vec::as_slice).unwrap_or_default();
    match answers.iter().find(|answer| answer.get("result").is_none()) {
        Some(error) => Err(failed(&error.to_string())),
        None if answers.len() == params.len() => Ok(()),
        None => Err(failed("calls were not answered")),
    }
}

/// Sends a request and reads the answer.
fn ask(addr: &str, request: &Value) -> Result<Value, String> {
    let answer = post(addr, &request.to_string()).map_err(|error| error.to_string())?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("no HTTP")?;
    serde_json::from_str(body).map_err(|_| answer)
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
