//! Compares an answer with the recorded one.

use regex::Regex;

use super::exchange::Exchange;
use crate::support::json::Json;

/// Compares the text of an answer with the expected one.
pub fn check(exchange: &Exchange, expected: &str, answer: &str) -> Result<(), String> {
    let (expected, answer) = (Json::parse(expected), Json::read(answer)?);
    compare(exchange, "", &expected, &answer).map_err(|fault| format!("{fault} in {answer:?}"))
}

fn compare(exchange: &Exchange, path: &str, expected: &Json, answer: &Json) -> Result<(), String> {
    if exchange.tolerance.loose.iter().any(|loose| is_under(path, loose)) {
        return Ok(());
    }
    if let Some(pattern) = exchange.tolerance.volatile.get(path) {
        let pattern = Regex::new(pattern).unwrap();
        let fits = expected.kind() == answer.kind() && pattern.is_match(&answer.text());
        return fits.then_some(()).ok_or_else(|| format!("{path} does not match {pattern}"));
    }
    match (expected, answer) {
        (Json::Object(expected), Json::Object(answer)) => {
            compare_fields(exchange, path, expected, answer)
        }
        (Json::List(expected), Json::List(answer)) if expected.len() == answer.len() => {
            let mut pairs = expected.iter().zip(answer).enumerate();
            pairs.try_for_each(|(i, (expected, answer))| {
                compare(exchange, &join(path, &i.to_string()), expected, answer)
            })
        }
        (Json::String(expected), Json::String(answer)) if path.ends_with("error.message") => {
            compare_texts(expected, answer)
        }
        _ if exchange.tolerance.shape && expected.kind() == answer.kind() => Ok(()),
        _ if expected == answer => Ok(()),
        _ => Err(format!("{path}: want {expected:?}")),
    }
}

/// Compares fields and their order.
fn compare_fields(
    exchange: &Exchange,
    path: &str,
    expected: &[(String, Json)],
    answer: &[(String, Json)],
) -> Result<(), String> {
    let names = |fields: &[(String, Json)]| -> Vec<String> {
        fields.iter().map(|(name, _)| name.clone()).collect()
    };
    // The only field that this program adds to the answers of go-ethereum; see `RPC.md`.
    let has_link =
        path.ends_with("network") && answer.last().is_some_and(|(name, _)| name == "link");
    let answer = if has_link { &answer[..answer.len() - 1] } else { answer };
    if names(expected) != names(answer) {
        return Err(format!("{path}: want the fields {:?}", names(expected)));
    }
    let mut pairs = expected.iter().zip(answer);
    pairs.try_for_each(|((name, expected), (_, answer))| {
        compare(exchange, &join(path, name), expected, answer)
    })
}

/// Compares texts. If go-ethereum's text names types of Go, only the argument that it is about is compared.
fn compare_texts(expected: &str, answer: &str) -> Result<(), String> {
    let argument = expected.split_inclusive(": ").next().unwrap_or_default();
    let same = match argument.starts_with("invalid argument ") {
        true => {
            answer.starts_with(argument) && !answer.contains("json:") && !answer.contains("Go ")
        }
        false => expected == answer,
    };
    same.then_some(()).ok_or_else(|| format!("want the text {expected:?}"))
}

fn join(path: &str, step: &str) -> String {
    if path.is_empty() { step.to_owned() } else { format!("{path}.{step}") }
}

/// Whether a path is in a subtree. `*` stands for any one step.
fn is_under(path: &str, subtree: &str) -> bool {
    let (mut steps, mut wanted) = (path.split('.'), subtree.split('.'));
    wanted.all(|want| steps.next().is_some_and(|step| want == "*" || want == step))
}
