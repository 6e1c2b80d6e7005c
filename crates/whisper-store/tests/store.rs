//! What is written is there after the file was opened again, and only its secret opens it.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::{fs, path::Path, sync::Arc};

use bytes::Bytes;
use p2p_world::SystemWorld;
use whisper_protocol::identity::SecretKey;
use whisper_protocol::{
    ApplicationState, FilterId, FilterKey, FilterSpec, KeyId, Message, ReceivedMessage,
    StateChange, StateStore as _, StoredFilter, StoredKey, StoredMessage, SymmetricKey, Topic,
};
use whisper_store::{EncryptedStore, OpenError, StoreSecret};
use zeroize::Zeroizing;

fn secret(byte: u8) -> StoreSecret {
    StoreSecret::key(Zeroizing::new([byte; 32]))
}

fn passphrase(text: &str) -> StoreSecret {
    StoreSecret::passphrase(text.to_owned().into()).unwrap()
}

fn open(path: &Path, secret: &StoreSecret) -> Result<EncryptedStore, OpenError> {
    EncryptedStore::open(SystemWorld::shared(), path, secret)
}

/// What the file has, by the names of the applications.
async fn load(path: &Path) -> Vec<ApplicationState> {
    let mut state = open(path, &secret(1)).unwrap().load().await.unwrap();
    state.sort_by(|one, other| one.name.cmp(&other.name));
    state
}

const SYMMETRIC: [u8; 32] = *b"a symmetric key, 32 bytes long..";
const PRIVATE: [u8; 32] = *b"a private key, as long as others";
const PAYLOAD: &[u8] = b"the payload of a secret message";
const KEY_ID: [u8; 32] = *b"the id of a key is a capability.";
const FILTER_ID: [u8; 32] = *b"the id of a filter is one, too..";
const CURSOR_NAME: &str = "the-name-of-a-place";
const PLACE: &[u8] = b"a place in a history";
const TEAM: &str = "the-secret-team-of-the-company";

fn key(application: &str, id: [u8; 32]) -> StateChange {
    let key = StoredKey::Pair(SecretKey::from_bytes(&PRIVATE).unwrap());
    StateChange::PutKey { application: application.into(), id: KeyId::from_bytes(id), key }
}

fn filter(application: &str, id: [u8; 32]) -> StateChange {
    let spec = FilterSpec::new(FilterKey::Symmetric(KeyId::from_bytes(KEY_ID)));
    let spec = FilterSpec { acknowledge: true, ..spec.topic(Topic(*b"chat")) };
    let (id, key) =
        (FilterId::from_bytes(id), StoredKey::Symmetric(SymmetricKey::from_bytes(SYMMETRIC)));
    let application = application.into();
    StateChange::PutFilter(Box::new(StoredFilter { id, application, spec, key, made: 7 }))
}

fn cursor(application: &str, name: &str, place: &[u8]) -> StateChange {
    let (application, name) = (application.into(), name.into());
    StateChange::PutCursor { application, name, cursor: place.to_vec() }
}

fn delete_cursor(name: &str) -> StateChange {
    StateChange::DeleteCursor { application: TEAM.into(), name: name.into() }
}

fn message(id: [u8; 32], number: u64) -> StateChange {
    let payload = Bytes::from_static(PAYLOAD);
    let message = ReceivedMessage {
        message: Message { payload, padding: Bytes::new(), signature: None, signer: None },
        hash: [9; 32],
        work: 0.5,
        ttl: 50,
        sent: 1_700_000_000,
        topic: Topic(*b"chat"),
        recipient: None,
        direct: false,
    };
    let (content, message) = ([5; 32], Some(Arc::new(message)));
    let message = StoredMessage { number, content, expiry: 1_700_000_050, message };
    StateChange::PutMessage { filter: FilterId::from_bytes(id), message }
}

#[tokio::test]
async fn what_is_written_is_there_when_the_file_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let (first, other) = (FilterId::from_bytes(FILTER_ID), FilterId::from_bytes([2; 32]));
    let store = open(&path, &secret(1)).unwrap();
    let changes = vec![
        key(TEAM, KEY_ID),
        key("others", [2; 32]),
        filter(TEAM, FILTER_ID),
        message(FILTER_ID, 1),
        message(FILTER_ID, 2),
        StateChange::SetFetched { filter: first, number: 1 },
        filter("others", [2; 32]),
        message([3; 32], 1), // no such filter
        cursor(TEAM, "reader", b"first"),
        cursor("others", "reader", b"another"),
        cursor(TEAM, "reader", b"second"),
        cursor(TEAM, "gone", b"third"),
        delete_cursor("gone"),
    ];
    store.write(changes).await.unwrap();
    assert!(store.load().await.unwrap().is_empty(), "what is there since it was opened");
    drop(store);
    let state = load(&path).await;
    let [others, team] = state.as_slice() else { panic!("{state:?}") };
    assert_eq!((&*team.name, team.keys.len(), others.keys.len()), (TEAM, 1, 1));
    assert_eq!(team.cursors, [("reader".into(), b"second".to_vec())]);
    assert_eq!(others.cursors, [("reader".into(), b"another".to_vec())]);
    assert!(
        matches!(&team.keys[0], (id, StoredKey::Pair(key)) if *id == KeyId::from_bytes(KEY_ID) && *key.to_bytes() == PRIVATE)
    );
    let kept = &team.filters[0];
    assert_eq!((kept.filter.id, kept.filter.made, kept.fetched), (first, 7, 1));
    assert!(kept.filter.spec.acknowledge);
    let numbers: Vec<_> = kept.messages.iter().map(|message| message.number).collect();
    assert_eq!(numbers, [1, 2]);
    let received = kept.messages[1].message.as_ref().unwrap();
    assert_eq!((&received.message.payload[..], received.hash), (PAYLOAD, [9; 32]));

    // A filter that is written again is empty. What is deleted is gone, and what belongs to it.
    let store = open(&path, &secret(1)).unwrap();
    let changes = vec![filter(TEAM, FILTER_ID), message(FILTER_ID, 3)];
    store.write(changes).await.unwrap();
    store.write(vec![StateChange::DeleteApplication("others".into())]).await.unwrap();
    drop(store);
    let state = load(&path).await;
    let [team] = state.as_slice() else { panic!("{state:?}") };
    assert_eq!((team.filters[0].fetched, team.filters[0].messages.len()), (0, 1));
    let store = open(&path, &secret(1)).unwrap();
    store.write(vec![delete_cursor("reader")]).await.unwrap();
    let gone = [StateChange::DeleteFilter(first), StateChange::DeleteFilter(other)];
    store.write(gone.into()).await.unwrap();
    store.write(vec![StateChange::DeleteKey(KeyId::from_bytes(KEY_ID))]).await.unwrap();
    drop(store);
    assert!(load(&path).await.is_empty());
}

#[tokio::test]
async fn a_place_that_was_there_when_the_file_was_opened_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    for place in [b"first", b"other"] {
        let store = open(&path, &secret(1)).unwrap();
        store.write(vec![cursor(TEAM, "reader", place)]).await.unwrap();
        drop(store);
        assert_eq!(load(&path).await[0].cursors, [("reader".into(), place.to_vec())]);
    }
}

#[tokio::test]
async fn a_message_that_cannot_come_again_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let store = open(&path, &secret(1)).unwrap();
    let id = FilterId::from_bytes(FILTER_ID);
    let gone = |number, expiry| {
        let message = StoredMessage { number, content: [4; 32], expiry, message: None };
        StateChange::PutMessage { filter: id, message }
    };
    let changes = vec![filter("", FILTER_ID), message(FILTER_ID, 1), gone(2, 7), gone(3, u32::MAX)];
    store.write(changes).await.unwrap();
    drop(store);
    for _ in 0..2 {
        let state = load(&path).await;
        let messages = state[0].filters[0].messages.iter();
        let numbers: Vec<_> = messages.map(|message| message.number).collect();
        assert_eq!(numbers, [1, 3], "an expired message waits, but is not remembered");
    }
}

#[tokio::test]
async fn only_the_secret_opens_it_and_it_can_be_changed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let first = passphrase("correct horse battery staple");
    let store = open(&path, &first).unwrap();
    store.write(vec![key("", KEY_ID)]).await.unwrap();
    drop(store);
    for (wrong, needs) in
        [(passphrase("correct horse"), "another passphrase"), (secret(1), "a passphrase")]
    {
        let error = open(&path, &wrong).unwrap_err();
        assert!(matches!(error, OpenError::WrongSecret { .. }), "{error:?}");
        assert!(error.to_string().contains(needs), "{error}");
    }
    let store = open(&path, &first).unwrap();
    store.change_secret(&secret(1)).unwrap();
    assert!(store.is_opened_by(&secret(1)).unwrap() && !store.is_opened_by(&first).unwrap());
    // It goes on: what is written after the change is read with the new secret.
    store.write(vec![key("", [2; 32])]).await.unwrap();
    drop(store);
    assert!(matches!(open(&path, &first), Err(OpenError::WrongSecret { .. })));
    assert_eq!(load(&path).await[0].keys.len(), 2);
}

#[tokio::test]
async fn the_node_key_is_there_with_everything_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let node_key = |secret: &StoreSecret, first: u8| {
        let first = SecretKey::from_bytes(&[first; 32]).unwrap();
        EncryptedStore::node_key(SystemWorld::shared(), &path, secret, first)
    };
    assert_eq!(*node_key(&secret(1), 7).unwrap().to_bytes(), [7; 32]);
    let store = open(&path, &secret(1)).unwrap();
    store.write(vec![key("", KEY_ID)]).await.unwrap();
    store.change_secret(&secret(2)).unwrap();
    drop(store);
    assert!(matches!(node_key(&secret(1), 8), Err(OpenError::WrongSecret { .. })));
    assert_eq!(*node_key(&secret(2), 8).unwrap().to_bytes(), [7; 32], "the first one stays");
    let file = fs::read(&path).unwrap();
    assert!(!file.windows(32).any(|window| window == [7; 32]));
    assert_eq!(open(&path, &secret(2)).unwrap().load().await.unwrap()[0].keys.len(), 1);
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let store = open(&path, &secret(1)).unwrap();
    store.write(vec![filter(TEAM, FILTER_ID), message(FILTER_ID, 1)]).await.unwrap();
    drop(store);
    let whole = fs::read(&path).unwrap();
    let (mut refused, mut opened) = (0, 0);
    for index in (0..whole.len()).step_by(whole.len() / 300) {
        let mut damaged = whole.clone();
        damaged[index] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        match open(&path, &secret(1)) {
            Ok(store) => {
                // The byte is not used. Nothing of the content is missing.
                opened += 1;
                let state = store.load().await.unwrap();
                assert_eq!(state[0].filters[0].messages.len(), 1, "byte {index}");
            }
            Err(error) => {
                let is_told = error.is_damage() || matches!(error, OpenError::File(_));
                assert!(is_told || matches!(error, OpenError::WrongSecret { .. }), "{error:?}");
                refused += 1;
            }
        }
        let names: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "nothing is moved aside: {names:?}");
    }
    assert!(refused > 0 && opened > 0, "{refused} {opened}");
    fs::write(&path, vec![0xa5; 10_000]).unwrap();
    let error = open(&path, &secret(1)).unwrap_err();
    assert!(error.is_damage() && error.to_string().contains("restore a backup"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), vec![0xa5; 10_000], "unchanged");
}

#[tokio::test]
async fn no_secret_is_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let store = open(&path, &passphrase("correct horse battery staple")).unwrap();
    let symmetric = StoredKey::Symmetric(SymmetricKey::from_bytes(SYMMETRIC));
    let id = KeyId::from_bytes([7; 32]);
    let other = StateChange::PutKey { application: TEAM.into(), id, key: symmetric };
    store.write(vec![key(TEAM, KEY_ID), other]).await.unwrap();
    store.write(vec![filter(TEAM, FILTER_ID), message(FILTER_ID, 1)]).await.unwrap();
    store.write(vec![cursor(TEAM, CURSOR_NAME, PLACE)]).await.unwrap();
    store.change_secret(&passphrase("another passphrase")).unwrap();
    let file = fs::read(&path).unwrap();
    let shown = format!("{store:?}");
    let secrets: [&[u8]; 11] = [
        PLACE,
        CURSOR_NAME.as_bytes(),
        &SYMMETRIC,
        &PRIVATE,
        PAYLOAD,
        &KEY_ID,
        &FILTER_ID,
        &[7; 32],
        TEAM.as_bytes(),
        b"correct horse",
        b"another passphrase",
    ];
    for secret in secrets {
        let name = String::from_utf8_lossy(secret);
        assert!(!file.windows(secret.len()).any(|window| window == secret), "{name}");
        assert!(!shown.contains(&*name), "{name} in {shown}");
    }
}
