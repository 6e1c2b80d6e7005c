//! The messages of a chat, by time.

use super::message::ChatMessage;

/// Maximum number of messages that are kept. The oldest ones go first.
const MAX_LINES: usize = 1000;

/// A message of the chat.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// The hash of its envelope.
    pub(super) hash: Vec<u8>,
    /// When it was sent, in seconds since 1970, as its sender says.
    pub(super) timestamp: u32,
    pub(super) message: ChatMessage,
}

/// The messages, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Log(Vec<Line>);

impl Log {
    /// Adds a message at its time, if it is not there yet. Returns whether it is the last one now.
    pub(super) fn add(&mut self, line: Line) -> bool {
        if self.0.iter().rev().any(|known| known.hash == line.hash) {
            return false;
        }
        let place = self.0.partition_point(|known| known.timestamp <= line.timestamp);
        self.0.insert(place, line);
        let is_last = place + 1 == self.0.len();
        if self.0.len() > MAX_LINES {
            self.0.remove(0);
        }
        is_last
    }

    /// The messages, the newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Line> {
        self.0.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u32, timestamp: u32) -> Line {
        let message = ChatMessage::parse(&number.to_string().into_bytes());
        Line { hash: number.to_be_bytes().to_vec(), timestamp, message }
    }

    #[test]
    fn messages_are_there_once_in_order_and_bounded() {
        let mut log = Log::default();
        assert!(log.add(line(1, 50)) && log.add(line(2, 70)) && log.add(line(3, 70)));
        assert!(!log.add(line(4, 60)), "an earlier one");
        assert!(!log.add(line(2, 70)), "the same again");
        let hashes = |log: &Log| -> Vec<u32> {
            let hash = |line: &Line| u32::from_be_bytes(line.hash.clone().try_into().unwrap());
            log.newest_first().map(hash).collect()
        };
        assert_eq!(hashes(&log), [3, 2, 4, 1]);
        for number in 5..1200 {
            log.add(line(number, 100));
        }
        let kept = hashes(&log);
        assert_eq!((kept.len(), kept[0], kept[MAX_LINES - 1]), (MAX_LINES, 1199, 200));
        log.add(line(2000, 1));
        assert_eq!(hashes(&log), kept, "older than all that are kept");
    }
}
