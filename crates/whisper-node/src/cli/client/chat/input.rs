//! The line that the user types.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::message::is_invisible;

/// Maximum length of a text, in letters.
const MAX_LETTERS: usize = 2000;

/// A line with a cursor.
#[derive(Debug, Default)]
pub(super) struct Input {
    letters: Vec<char>,
    /// How many letters are before the cursor.
    cursor: usize,
}

impl Input {
    /// Changes the line, or moves the cursor. Other keys do nothing.
    pub(super) fn handle_key(&mut self, key: KeyEvent) {
        let is_command = key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
        match key.code {
            KeyCode::Char(letter) if is_command => self.handle_command(letter),
            KeyCode::Char(letter) => self.insert(letter),
            KeyCode::Backspace if self.cursor > 0 => {
                self.cursor -= 1;
                self.letters.remove(self.cursor);
            }
            KeyCode::Delete if self.cursor < self.letters.len() => {
                self.letters.remove(self.cursor);
            }
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = (self.cursor + 1).min(self.letters.len()),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.letters.len(),
            _ => {}
        }
    }

    /// As in a shell: begin, end, and what deletes.
    fn handle_command(&mut self, letter: char) {
        match letter {
            'a' => self.cursor = 0,
            'e' => self.cursor = self.letters.len(),
            'u' => drop(self.letters.drain(..std::mem::take(&mut self.cursor))),
            'k' => self.letters.truncate(self.cursor),
            'w' => {
                let before = &self.letters[..self.cursor];
                let end = before.iter().rposition(|letter| *letter != ' ').map_or(0, |at| at + 1);
                let begin = before[..end].iter().rposition(|letter| *letter == ' ');
                let begin = begin.map_or(0, |at| at + 1);
                self.letters.drain(begin..self.cursor);
                self.cursor = begin;
            }
            _ => {}
        }
    }

    fn insert(&mut self, letter: char) {
        if self.letters.len() < MAX_LETTERS && !is_invisible(letter) {
            self.letters.insert(self.cursor, letter);
            self.cursor += 1;
        }
    }

    /// Takes the text, if there is more in it than spaces.
    pub(super) fn take(&mut self) -> Option<String> {
        let text: String = self.letters.iter().collect();
        let is_text = !text.trim().is_empty();
        is_text.then(|| {
            *self = Self::default();
            text
        })
    }

    /// Puts a text back that could not be sent, unless something else was typed by now.
    pub(super) fn put_back(&mut self, text: &str) {
        if self.letters.is_empty() {
            self.letters = text.chars().collect();
            self.cursor = self.letters.len();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// What is before the cursor, and after it.
    pub(super) fn parts(&self) -> (String, String) {
        let (before, after) = self.letters.split_at(self.cursor);
        (before.iter().collect(), after.iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Types letters, and keys: `<` left, `>` right, `^` home, `$` end, `#` backspace, `~` delete, and capitals with Ctrl.
    fn typed(keys: &str) -> (String, String) {
        let mut input = Input::default();
        for key in keys.chars() {
            let code = match key {
                '<' => KeyCode::Left,
                '>' => KeyCode::Right,
                '^' => KeyCode::Home,
                '$' => KeyCode::End,
                '#' => KeyCode::Backspace,
                '~' => KeyCode::Delete,
                letter => KeyCode::Char(letter.to_ascii_lowercase()),
            };
            let is_command = key.is_ascii_uppercase();
            let modifiers = if is_command { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
            input.handle_key(KeyEvent::new(code, modifiers));
        }
        input.parts()
    }

    #[test]
    fn a_line_is_edited_as_in_a_shell() {
        for (keys, before, after) in [
            ("hello", "hello", ""),
            ("helo<l", "hell", "o"),
            ("ab<<<x>>>>y", "xaby", ""),
            ("abc##", "a", ""),
            ("###", "", ""),
            ("abc<~~", "ab", ""),
            ("bc^a$d", "abcd", ""),
            ("ö😀<#", "", "😀"),
            ("one two W", "one ", ""),
            ("one two<W", "one ", "o"),
            ("abc<U", "", "c"),
            ("abc<<K", "a", ""),
            ("bcAaEd", "abcd", ""),
        ] {
            assert_eq!(typed(keys), (before.to_owned(), after.to_owned()), "{keys}");
        }
    }

    #[test]
    fn a_text_is_taken_once_and_bounded() {
        let mut input = Input::default();
        for letter in [' ', '\u{1b}'] {
            input.handle_key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE));
        }
        assert_eq!(input.take(), None, "a space is no text");
        input.put_back("not yet");
        assert_eq!(input.take(), None, "what is typed stays");
        for _ in 0..MAX_LETTERS + 5 {
            input.handle_key(KeyEvent::new(KeyCode::Char('x'), KeyModifiers::NONE));
        }
        assert_eq!(input.take().unwrap().len(), MAX_LETTERS);
        assert!(input.is_empty());
        input.put_back("again");
        assert_eq!(input.take().unwrap(), "again");
    }
}
