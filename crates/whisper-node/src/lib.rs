//! whisper-node (being written).
