//! The messages of a file that is sent over a topic.

/// A module of the program, which exports nothing.
#[path = "../../../crates/whisper-node/src/cli/client/file/message.rs"]
#[expect(dead_code, reason = "only the messages are needed")]
mod message;

use message::FileMessage;

/// A decoded message, encoded again, decodes to the same value, and is not longer: it has one form.
pub fn file_message(data: &[u8]) {
    let Ok(message) = rlp_codec::decode::<FileMessage>(data) else { return };
    assert_eq!(rlp_codec::encode(&message), data, "{message:?}");
}
