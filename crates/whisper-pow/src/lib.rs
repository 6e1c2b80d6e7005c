//! whisper-pow (being written).
