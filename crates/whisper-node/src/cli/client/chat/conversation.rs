//! The state of a chat: what is shown, and what the user types.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use whisper_envelope::Topic;
use whisper_rpc::types::MessageJson;

use super::input::Input;
use super::log::{Line, Log};
use super::message::{ChatMessage, payload};
use super::posts::Posts;
use super::room::News;
use super::rows::rows;

/// Maximum number of own messages whose work is being done.
const MAX_SENDING: usize = 16;

/// What a key has the chat do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Stay,
    /// Send this text.
    Send(String),
    End,
}

/// The state of a chat.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) name: String,
    pub(super) topic: Topic,
    pub(super) log: Log,
    pub(super) input: Input,
    pub(super) posts: Posts,
    pub(super) peers: Option<usize>,
    /// What the user should know at the moment.
    pub(super) notice: String,
    /// Why the node cannot be asked at the moment; empty if it can.
    pub(super) trouble: String,
    /// Number of rows below those that are shown. 0: the newest message is shown.
    pub(super) below: usize,
    /// Columns and rows of the messages on the screen.
    pub(super) size: (u16, u16),
}

impl Conversation {
    pub(super) fn new(name: String, topic: Topic) -> Self {
        Self {
            name,
            topic,
            log: Log::default(),
            input: Input::default(),
            posts: Posts::default(),
            peers: None,
            notice: "asking archives".to_owned(),
            trouble: String::new(),
            below: 0,
            size: (80, 20),
        }
    }

    /// The content of a message with this text.
    pub(super) fn payload(&self, text: &str) -> Vec<u8> {
        payload(&self.name, text)
    }

    pub(super) fn handle_event(&mut self, event: &Event) -> Step {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.handle_key(*key),
            // Another size: it is drawn again.
            _ => Step::Stay,
        }
    }

    fn handle_key(&mut self, key: KeyEvent) -> Step {
        let is_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let page = usize::from(self.size.1).saturating_sub(1).max(1);
        match key.code {
            KeyCode::Esc => return Step::End,
            KeyCode::Char('c') if is_ctrl => return Step::End,
            KeyCode::Char('d') if is_ctrl && self.input.is_empty() => return Step::End,
            KeyCode::Enter => return self.send(),
            // Drawing limits it.
            KeyCode::Up => self.below += 1,
            KeyCode::PageUp => self.below += page,
            KeyCode::Down => self.below = self.below.saturating_sub(1),
            KeyCode::PageDown => self.below = self.below.saturating_sub(page),
            _ => self.input.handle_key(key),
        }
        Step::Stay
    }

    fn send(&mut self) -> Step {
        if self.posts.sending >= MAX_SENDING {
            "wait: the work of earlier messages is being done".clone_into(&mut self.notice);
            return Step::Stay;
        }
        let Some(text) = self.input.take() else { return Step::Stay };
        self.posts.sending += 1;
        self.below = 0;
        Step::Send(text)
    }

    pub(super) fn handle_news(&mut self, news: News) {
        match news {
            News::Look { messages, peers } => {
                messages.into_iter().for_each(|message| self.add(message));
                self.peers = peers;
                self.trouble.clear();
            }
            News::Archived(messages) => messages.into_iter().for_each(|message| self.add(message)),
            News::HistoryEnd(Ok(())) => {
                "with what archives have".clone_into(&mut self.notice);
            }
            News::HistoryEnd(Err(why)) => self.notice = format!("no history: {why}"),
            News::Sent(hash) => {
                self.posts.sending = self.posts.sending.saturating_sub(1);
                self.posts.add(hash);
                self.notice.clear();
            }
            News::NotSent { text, why } => {
                self.posts.sending = self.posts.sending.saturating_sub(1);
                self.notice = format!("not sent: {why}");
                self.input.put_back(&text);
            }
            News::Ended { hash, fate } => self.posts.end(&hash, fate),
            News::Trouble(why) => self.trouble = why,
            // The chat ends with it.
            News::Gone(_) => {}
        }
    }

    fn add(&mut self, message: MessageJson) {
        let line = Line {
            timestamp: message.timestamp,
            message: ChatMessage::parse(message.payload.as_slice()),
            hash: message.hash.into_vec(),
        };
        let height = rows(&line, self.posts.fate(&line.hash), self.size.0).len();
        // What is read stays where it is.
        if self.log.add(line) && self.below > 0 {
            self.below += height;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(code: KeyCode) -> Event {
        Event::Key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn conversation() -> Conversation {
        Conversation::new("alice".to_owned(), Topic(*b"news"))
    }

    fn type_text(conversation: &mut Conversation, text: &str) -> Step {
        for letter in text.chars() {
            assert_eq!(conversation.handle_event(&key(KeyCode::Char(letter))), Step::Stay);
        }
        conversation.handle_event(&key(KeyCode::Enter))
    }

    #[test]
    fn keys_send_and_end() {
        let mut chat = conversation();
        assert_eq!(chat.handle_event(&key(KeyCode::Enter)), Step::Stay, "there is no text");
        assert_eq!(type_text(&mut chat, "hi: you"), Step::Send("hi: you".to_owned()));
        assert_eq!(chat.payload("hi: you"), b"alice: hi: you");
        let ctrl = |letter| Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL));
        for end in [key(KeyCode::Esc), ctrl('c'), ctrl('d')] {
            assert_eq!(chat.handle_event(&end), Step::End);
        }
        chat.handle_event(&key(KeyCode::Char('x')));
        assert_eq!(chat.handle_event(&ctrl('d')), Step::Stay, "a text is not lost by mistake");
        let released = KeyEvent { kind: KeyEventKind::Release, ..KeyEvent::from(KeyCode::Esc) };
        assert_eq!(chat.handle_event(&Event::Key(released)), Step::Stay);
        assert_eq!(chat.handle_event(&Event::Resize(1, 1)), Step::Stay);
    }

    #[test]
    fn a_message_that_is_not_sent_is_put_back_and_not_too_many_are_sent_at_once() {
        let mut chat = conversation();
        for _ in 0..MAX_SENDING {
            assert!(matches!(type_text(&mut chat, "x"), Step::Send(_)));
        }
        assert_eq!(type_text(&mut chat, "more"), Step::Stay);
        assert!(chat.notice.starts_with("wait: "), "{}", chat.notice);
        chat.handle_news(News::Sent(vec![1]));
        let more = chat.handle_event(&key(KeyCode::Enter));
        assert_eq!(more, Step::Send("more".to_owned()), "it was kept");
        chat.handle_news(News::NotSent { text: "more".to_owned(), why: "no work".to_owned() });
        assert_eq!((&*chat.notice, chat.input.parts().0.as_str()), ("not sent: no work", "more"));
        assert_eq!(chat.posts.sent, 1);
    }
}
