//! Key files: kept, found again, refused, never overwritten.

use std::fs;
use std::path::Path;

use p2p_identity::{HexError, KeyError, KeyFileError, SecretKey};
use rand::{SeedableRng, rngs::StdRng};

const DIGITS: &str = "b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291";

/// What `load` finds wrong with this content.
fn content_error(content: &[u8]) -> KeyError {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nodekey");
    fs::write(&path, content).unwrap();
    match SecretKey::load(&path) {
        Err(KeyFileError::Content { path: named, source }) => {
            assert_eq!(named, path);
            source
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_is_made_once_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nodekey");
    let mut rng = StdRng::seed_from_u64(1);
    let made = SecretKey::load_or_create(&path, &mut rng).unwrap();
    assert_eq!(SecretKey::load(&path).unwrap(), made);
    assert_eq!(SecretKey::load_or_create(&path, &mut rng).unwrap(), made);

    // go-ethereum reads it, too: 64 digits and a line end.
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, format!("{}\n", hex::encode(*made.to_bytes())));
    assert_eq!(files(folder.path()), ["nodekey"]);
}

fn files(folder: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    fs::read_dir(folder).unwrap().map(|entry| name(entry.unwrap())).collect()
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nodekey");
    let _ = SecretKey::load_or_create(&path, &mut StdRng::seed_from_u64(1)).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

/// Several nodes that start at once on one folder must not each believe in a key of their own.
#[test]
fn all_who_make_it_at_once_get_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nodekey");
    let keys: Vec<SecretKey> = std::thread::scope(|scope| {
        let make = |seed| {
            let path = &path;
            scope.spawn(move || {
                SecretKey::load_or_create(path, &mut StdRng::seed_from_u64(seed)).unwrap()
            })
        };
        let threads: Vec<_> = (0..8).map(make).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]));
    assert_eq!(SecretKey::load(&path).unwrap(), keys[0]);
    assert_eq!(files(folder.path()), ["nodekey"]);
}

#[test]
fn spellings_that_other_programs_leave() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nodekey");
    let key = SecretKey::from_hex(DIGITS).unwrap();
    for content in [
        DIGITS.to_owned(),
        format!("{DIGITS}\n"),
        format!("{DIGITS}\r\n"),
        format!("0x{DIGITS}"),
        DIGITS.to_uppercase(),
    ] {
        fs::write(&path, &content).unwrap();
        assert_eq!(SecretKey::load(&path).unwrap(), key, "{content:?}");
    }
}

#[test]
fn contents_that_are_no_key() {
    let length = |actual| KeyError::Hex(HexError::Length { expected: 64, actual });
    assert_eq!(content_error(b""), length(0));
    assert_eq!(content_error(b"\n"), length(0));
    assert_eq!(content_error(&DIGITS.as_bytes()[1..]), length(63));
    assert_eq!(content_error(format!("{DIGITS}00").as_bytes()), length(66));
    assert_eq!(content_error(b"not a key"), KeyError::Hex(HexError::Digit { at: 0 }));
    assert_eq!(
        content_error(format!("{}z", &DIGITS[1..]).as_bytes()),
        KeyError::Hex(HexError::Digit { at: 63 })
    );
    assert_eq!(content_error(b"12\xff"), KeyError::Hex(HexError::Digit { at: 2 }));
    assert_eq!(content_error(&[b'0'; 64]), KeyError::Zero);
    assert_eq!(content_error(&[b'f'; 64]), KeyError::AboveOrder);
    // Of a huge file only the beginning is read.
    assert!(matches!(content_error(&[b'1'; 1 << 20]), KeyError::Hex(HexError::Length { .. })));
}

#[test]
fn a_file_that_is_no_key_is_kept_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nodekey");
    fs::write(&path, "precious").unwrap();
    let refused = SecretKey::load_or_create(&path, &mut StdRng::seed_from_u64(1));
    assert!(matches!(refused, Err(KeyFileError::Content { .. })), "{refused:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn files_that_cannot_be_had() {
    let folder = tempfile::tempdir().unwrap();
    let rng = &mut StdRng::seed_from_u64(1);

    let missing = folder.path().join("nodekey");
    let error = SecretKey::load(&missing).unwrap_err();
    assert!(matches!(&error, KeyFileError::Missing { path } if *path == missing));
    assert!(error.to_string().contains("nodekey"), "{error}");

    let error = SecretKey::load(folder.path()).unwrap_err();
    assert!(matches!(error, KeyFileError::NotAFile { .. }), "{error:?}");

    let no_folder = folder.path().join("none").join("nodekey");
    let error = SecretKey::load_or_create(&no_folder, rng).unwrap_err();
    assert!(matches!(error, KeyFileError::Write { .. }), "{error:?}");
}

/// Opening a named pipe for reading waits for a writer, which may never come.
#[cfg(unix)]
#[test]
fn a_named_pipe_is_refused_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nodekey");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let loaded = SecretKey::load(&path);
        tell.send((loaded, SecretKey::load_or_create(&path, &mut rand::rng()))).unwrap();
    });
    let (loaded, created) = told.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
    assert!(matches!(loaded, Err(KeyFileError::NotAFile { .. })), "{loaded:?}");
    assert!(matches!(created, Err(KeyFileError::NotAFile { .. })), "{created:?}");
}
