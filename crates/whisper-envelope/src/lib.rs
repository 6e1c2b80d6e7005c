//! whisper-envelope (being written).
