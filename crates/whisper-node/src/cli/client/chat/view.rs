//! Draws a chat.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Stylize as _;
use ratatui::text::{Line as Row, Span};
use ratatui::widgets::Paragraph;

use super::conversation::Conversation;
use super::rows::rows;

/// Draws everything. Works in any size.
pub(super) fn draw(frame: &mut Frame<'_>, chat: &mut Conversation) {
    let one = Constraint::Length(1);
    let areas = Layout::vertical([one, Constraint::Min(0), one, one]).areas(frame.area());
    let [title, log, status, input] = areas;
    let heading = format!(" topic {}   times in UTC   PgUp, PgDn: scroll   Esc: end", chat.topic);
    frame.render_widget(Paragraph::new(heading).reversed(), title);
    frame.render_widget(Paragraph::new(visible(chat, log)), log);
    frame.render_widget(Paragraph::new(status_row(chat)).reversed(), status);
    draw_input(frame, chat, input);
}

/// The rows of the messages that are to be seen.
fn visible(chat: &mut Conversation, area: Rect) -> Vec<Row<'static>> {
    chat.size = (area.width, area.height);
    let height = usize::from(area.height);
    let wanted = height + chat.below;
    // From the newest one up, the last row first.
    let mut found = Vec::new();
    for line in chat.log.newest_first() {
        if found.len() >= wanted {
            break;
        }
        found.extend(rows(line, chat.posts.fate(&line.hash), area.width).into_iter().rev());
    }
    chat.below = chat.below.min(found.len().saturating_sub(height));
    found.into_iter().skip(chat.below).take(height).rev().collect()
}

fn status_row(chat: &Conversation) -> Row<'static> {
    let peers = match chat.peers {
        None => String::new(),
        Some(1) => "1 peer   ".to_owned(),
        Some(count) => format!("{count} peers   "),
    };
    let posts = &chat.posts;
    let counts = format!(
        " {peers}sent {}, delivered {}, not delivered {}",
        posts.sent, posts.delivered, posts.not_delivered
    );
    let below = if chat.below > 0 { "   more below" } else { "" };
    let spaced = |text: &str| if text.is_empty() { String::new() } else { format!("   {text}") };
    let (trouble, notice) = (spaced(&chat.trouble), spaced(&chat.notice));
    let bold = [trouble, below.to_owned()].map(|text| Span::from(text).bold());
    let [trouble, below] = bold;
    Row::from(vec![Span::from(counts), trouble, below, Span::from(notice)])
}

/// The line that is typed. It is moved so that the cursor is to be seen.
fn draw_input(frame: &mut Frame<'_>, chat: &Conversation, area: Rect) {
    let prompt = format!("{}> ", chat.name);
    let (before, after) = chat.input.parts();
    let columns =
        |text: &str| u16::try_from(Span::from(text.to_owned()).width()).unwrap_or(u16::MAX);
    let cursor = columns(&prompt).saturating_add(columns(&before));
    let left = cursor.saturating_sub(area.width.saturating_sub(1));
    let row = Row::from(vec![Span::from(prompt).bold(), Span::from(before + &after)]);
    frame.render_widget(Paragraph::new(row).scroll((0, left)), area);
    if area.width > 0 && area.height > 0 {
        frame.set_cursor_position((area.x + (cursor - left), area.y));
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use whisper_envelope::Topic;
    use whisper_rpc::types::MessageJson;

    use super::super::posts::Fate;
    use super::super::room::News;
    use super::*;

    fn message(number: u8) -> MessageJson {
        serde_json::from_value(serde_json::json!({
            "ttl": 60, "timestamp": 1_700_000_000 + u32::from(number), "topic": "0x6e657773",
            "payload": format!("0x{}", hex::encode(format!("bob: message {number}."))),
            "padding": "0x", "pow": 1.0, "hash": format!("0x{number:064x}"),
        }))
        .unwrap()
    }

    fn conversation(messages: u8) -> Conversation {
        let mut chat = Conversation::new("alice".to_owned(), Topic(*b"news"));
        let messages = (0..messages).map(message).collect();
        chat.handle_news(News::Look { messages, peers: Some(3) });
        chat
    }

    fn drawn(chat: &mut Conversation, width: u16, height: u16) -> Terminal<TestBackend> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, chat)).unwrap();
        terminal
    }

    fn shown(chat: &mut Conversation, width: u16, height: u16) -> String {
        drawn(chat, width, height).backend().to_string()
    }

    fn press(chat: &mut Conversation, code: KeyCode) {
        chat.handle_event(&Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }

    #[test]
    fn it_shows_the_newest_messages_and_scrolls() {
        let mut chat = conversation(40);
        let newest = shown(&mut chat, 80, 13);
        assert!(newest.contains("message 39.") && newest.contains("message 30."), "{newest}");
        assert!(!newest.contains("message 29.") && !newest.contains("more below"), "{newest}");
        assert!(newest.contains("3 peers   sent 0, delivered 0, not delivered 0"), "{newest}");
        press(&mut chat, KeyCode::PageUp);
        let earlier = shown(&mut chat, 80, 13);
        assert!(earlier.contains("message 21.") && earlier.contains("message 30."), "{earlier}");
        assert!(earlier.contains("more below"), "{earlier}");
        // What is read stays when a message comes.
        chat.handle_news(News::Look { messages: vec![message(41)], peers: None });
        let same = shown(&mut chat, 80, 13);
        assert!(same.contains("message 21.") && same.contains("message 30."), "{same}");
        for _ in 0..20 {
            press(&mut chat, KeyCode::PageUp);
            shown(&mut chat, 80, 13);
        }
        let oldest = shown(&mut chat, 80, 13);
        assert!(oldest.contains("message 0.") && oldest.contains("message 9."), "{oldest}");
        for _ in 0..40 {
            press(&mut chat, KeyCode::Down);
        }
        assert!(shown(&mut chat, 80, 13).contains("message 41."));
    }

    #[test]
    fn it_shows_what_became_of_the_own_messages() {
        let mut chat = conversation(0);
        let hash = |number: u8| format!("{number:064x}");
        for number in 1..=3 {
            chat.handle_news(News::Sent(hex::decode(hash(number)).unwrap()));
            chat.handle_news(News::Look { messages: vec![message(number)], peers: Some(1) });
        }
        let ended = |number, fate| News::Ended { hash: hex::decode(hash(number)).unwrap(), fate };
        chat.handle_news(ended(1, Fate::Delivered));
        chat.handle_news(ended(2, Fate::NotDelivered("a peer refused it".to_owned())));
        let shown = shown(&mut chat, 80, 10);
        for text in [
            "message 1. ✓",
            "message 2. ✗ a peer refused it",
            "message 3. …",
            "1 peer   sent 3, delivered 1, not delivered 1",
        ] {
            assert!(shown.contains(text), "{text} in {shown}");
        }
    }

    #[test]
    fn it_is_drawn_in_every_size_with_the_cursor_in_sight() {
        let mut chat = conversation(20);
        for letter in "what is typed, 漢字 and more than fits".chars() {
            press(&mut chat, KeyCode::Char(letter));
        }
        for (width, height) in (0..60).flat_map(|width| (0..9).map(move |height| (width, height))) {
            chat.below = usize::from(width) * 3;
            drawn(&mut chat, width, height);
        }
        let wide = shown(&mut chat, 60, 6);
        assert!(wide.contains("alice> what is typed, "), "{wide}");
        let narrow = shown(&mut chat, 12, 6);
        assert!(narrow.contains("than fits"), "{narrow}");
    }
}
