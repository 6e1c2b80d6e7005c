//! A message as rows of the terminal.

use std::time::{Duration, UNIX_EPOCH};

use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::{Line as Row, Span};
use textwrap::{Options, wrap};

use super::log::Line;
use super::posts::Fate;

/// The width below which a message has no indent, in columns.
const NARROW: usize = 20;

/// The rows of a message, at most `width` columns each. `fate`: what became of it if it is the user's own.
pub(super) fn rows(line: &Line, fate: Option<&Fate>, width: u16) -> Vec<Row<'static>> {
    let width = usize::from(width).max(1);
    let time = time(line.timestamp);
    let name = &line.message.name;
    let heading = if name.is_empty() { time.clone() } else { format!("{time} {name}") };
    let text = format!("{heading}  {}{}", line.message.text, mark(fate));
    let indent = if width < NARROW { "" } else { "         " };
    let wrapped = wrap(&text, Options::new(width).subsequent_indent(indent));
    let is_lost = matches!(fate, Some(Fate::NotDelivered(_)));
    let row = |(index, row): (usize, std::borrow::Cow<'_, str>)| {
        // The heading may be cut off in a narrow terminal.
        let spans = match row.strip_prefix(&*heading) {
            Some(rest) if index == 0 => vec![
                Span::from(time.clone()).dim(),
                Span::from(heading[time.len()..].to_owned()).bold(),
                Span::from(rest.to_owned()),
            ],
            _ => vec![Span::from(row.into_owned())],
        };
        let style = if is_lost { Style::new().fg(Color::Red) } else { Style::new() };
        Row::from(spans).style(style)
    };
    wrapped.into_iter().enumerate().map(row).collect()
}

/// The time of day, UTC.
fn time(seconds: u32) -> String {
    let at = UNIX_EPOCH + Duration::from_secs(seconds.into());
    let text = humantime::format_rfc3339_seconds(at).to_string();
    // 2026-01-31T12:34:56Z
    text.get(11..19).unwrap_or_default().to_owned()
}

fn mark(fate: Option<&Fate>) -> String {
    match fate {
        None => String::new(),
        Some(Fate::Pending) => " …".to_owned(),
        Some(Fate::Delivered) => " ✓".to_owned(),
        Some(Fate::NotDelivered(why)) => format!(" ✗ {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::ChatMessage;
    use super::*;

    fn texts(payload: &str, fate: Option<&Fate>, width: u16) -> Vec<String> {
        let message = ChatMessage::parse(payload.as_bytes());
        let line = Line { hash: Vec::new(), timestamp: 45_296, message };
        rows(&line, fate, width).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_message_is_wrapped_with_its_mark() {
        assert_eq!(texts("alice: hello", None, 80), ["12:34:56 alice  hello"]);
        assert_eq!(texts("hello", Some(&Fate::Pending), 80), ["12:34:56  hello …"]);
        assert_eq!(
            texts("alice: one two three", Some(&Fate::Delivered), 24),
            ["12:34:56 alice  one two", "         three ✓"]
        );
        let lost = Fate::NotDelivered("it expired".to_owned());
        assert_eq!(texts("a: x", Some(&lost), 80), ["12:34:56 a  x ✗ it expired"]);
    }

    #[test]
    fn every_width_has_rows() {
        for width in 0..40 {
            for payload in ["", "a: ", "alice: hello", "alice: 漢字漢字 漢字", &"x".repeat(300)]
            {
                let rows = texts(payload, None, width);
                assert!(!rows.is_empty() && rows.len() < 1000, "{width}, {payload:?}");
            }
        }
    }
}
