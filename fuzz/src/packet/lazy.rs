//! `lazy/1`: what is decoded, encoded again, decodes to the same value.

use whisper_protocol::lazy_1::{LazyMessage, MAX_IDS};

/// The input is a message code and a payload.
pub fn lazy_message(data: &[u8]) {
    let Some((&code, payload)) = data.split_first() else { return };
    let Ok(message) = LazyMessage::decode(u64::from(code % 9), payload) else { return };
    let (code, written) = message.encode();
    let again = LazyMessage::decode(code, &written).expect("what was written is read");
    match (&message, &again) {
        // The ids of a class are written together.
        (LazyMessage::Have(read), LazyMessage::Have(again)) => {
            assert!(!read.is_empty() && read.len() <= MAX_IDS && read.len() == again.len());
            assert!(read.iter().all(|announced| again.contains(announced)));
        }
        _ => assert_eq!(message, again, "written as {written:02x?}"),
    }
    assert_eq!(again.encode(), (code, written), "there is one encoding");
}
