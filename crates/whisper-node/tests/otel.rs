//! Traces: a collector made here gets the spans of a post.
#![expect(clippy::unwrap_used, reason = "a failed test panics")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// Receives spans over HTTP, as a collector does.
fn collect(listener: &TcpListener, spans: &Sender<Value>) {
    for stream in listener.incoming() {
        let mut stream = BufReader::new(stream.unwrap());
        loop {
            let mut length = 0;
            let mut line = String::new();
            loop {
                line.clear();
                if stream.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            if line != "\r\n" {
                break;
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let request: Value = serde_json::from_slice(&body).unwrap();
            let resource = &request["resourceSpans"][0];
            for scope in resource["scopeSpans"].as_array().unwrap() {
                for span in scope["spans"].as_array().unwrap() {
                    let span = json!({ "span": span, "resource": resource["resource"] });
                    // The test may have ended.
                    let _ = spans.send(span);
                }
            }
            let answer =
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    }
}

/// Calls a method of the node.
fn call(addr: &str, method: &str, params: &Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let mut stream = TcpStream::connect(addr).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    serde_json::from_str::<Value>(body).unwrap()["result"].take()
}

#[test]
fn a_collector_gets_the_spans_of_a_post() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, spans) = mpsc::channel();
    thread::spawn(move || collect(&listener, &sender));
    let datadir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_whisper-node"));
    command.arg("--datadir").arg(datadir.path()).args(["--addr", "127.0.0.1", "--port", "0"]);
    command.args(["--nodiscover", "--http.port", "0", "--ws=false", "--verbosity", "2"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).stdout(Stdio::piped());
    let mut node = command.spawn().unwrap();
    let mut lines = BufReader::new(node.stdout.take().unwrap()).lines().map_while(Result::ok);
    let http = lines.find_map(|line| Some(line.strip_prefix("HTTP")?.trim().to_owned())).unwrap();
    let http = http.trim_start_matches("http://");

    let key = call(http, "shh_generateSymKeyFromPassword", &json!(["traces"]));
    let topic = "0x5a4ea131";
    call(http, "shh_newMessageFilter", &json!([{ "symKeyID": key, "topics": [topic] }]));
    let message = json!({
        "symKeyID": key, "topic": topic, "ttl": 50, "powTime": 5, "powTarget": 0.3, "payload": "0x00",
    });
    let hash = call(http, "shh_post", &json!([message]));
    assert!(hash.is_string(), "{hash}");
    assert!(Command::new("kill").arg(node.id().to_string()).status().unwrap().success());
    assert!(node.wait().unwrap().success());

    let mut found: Vec<Value> = Vec::new();
    let of = |found: &[Value], name: &str| {
        found.iter().find(|it| it["span"]["name"] == name).map(|it| it["span"].clone())
    };
    while ["post", "seal", "relay", "open"].iter().any(|name| of(&found, name).is_none()) {
        let span = spans.recv_timeout(Duration::from_secs(30));
        found.push(span.unwrap_or_else(|_| panic!("not all spans arrived: {found:#?}")));
    }
    found.extend(spans.try_iter());
    let (post, seal) = (of(&found, "post").unwrap(), of(&found, "seal").unwrap());
    assert_eq!(seal["parentSpanId"], post["spanId"], "a post has its proof of work below it");
    assert_eq!(of(&found, "relay").unwrap()["parentSpanId"], post["spanId"]);
    let call = found.iter().find(|it| it["span"]["spanId"] == post["parentSpanId"]).unwrap();
    assert_eq!(call["span"]["name"], "rpc.call");
    assert!(call["span"]["attributes"].to_string().contains("shh_post"), "{call}");
    assert!(call["resource"].to_string().contains("whisper-node"), "{call}");
}
