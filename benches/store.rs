//! The store of keys, filters and messages: putting back 100 000 filters, and a key that is on the disk.

use std::{path::Path, sync::Arc, time::Instant};

use p2p_world::SystemWorld;
use tokio::runtime::Runtime;
use whisper_protocol::{Client, Config, FilterKey, FilterSpec, StateStore as _, Topic, Whisper};
use whisper_store::{EncryptedStore, StoreSecret};
use zeroize::Zeroizing;

/// Number of filters.
const FILTERS: u32 = 100_000;

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    // Every second filter has a key pair of its own, the others have symmetric keys; and filters with key pairs only.
    for (name, pairs) in [("store.restore_100k_s", 2), ("store.restore_100k_pairs_s", 1)] {
        if benches::wanted(name) {
            benches::measured(name, runtime.block_on(restore(pairs)));
        }
    }
    if benches::wanted("store.new_key_ms") {
        benches::measured("store.new_key_ms", runtime.block_on(new_key()));
    }
}

/// A node with the store in this folder.
fn open(dir: &Path) -> (Whisper, EncryptedStore) {
    let secret = StoreSecret::key(Zeroizing::new([7; 32]));
    let store = EncryptedStore::open(SystemWorld::shared(), &dir.join("state"), &secret);
    let (whisper, store) = (Whisper::new(Config::default()), store.expect("a valid file"));
    whisper.state().keep(Arc::new(store.clone()));
    (whisper, store)
}

/// The seconds until a node that starts has its filters. One of `pairs` has a key pair of its own, the others have symmetric keys.
async fn restore(pairs: u32) -> f64 {
    let count = if benches::measuring() { FILTERS } else { 1000 };
    let dir = tempfile::tempdir().expect("a folder");
    let (whisper, store) = open(dir.path());
    for number in 0..count {
        let key = match number % pairs {
            0 => FilterKey::Private(whisper.keys().new_key_pair()),
            _ => FilterKey::Symmetric(whisper.keys().new_symmetric()),
        };
        let spec = FilterSpec::new(key).topic(Topic(number.to_be_bytes()));
        whisper.subscribe(spec).expect("the key is there");
    }
    whisper.state().flush().await.expect("the disk works");
    whisper.stop().await;
    drop((whisper, store));
    let start = Instant::now();
    let (whisper, store) = open(dir.path());
    for state in store.load().await.expect("a valid file") {
        whisper.state().restore(state, Client::default());
    }
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(whisper.info().filters, usize::try_from(count).expect("a small number"));
    whisper.stop().await;
    seconds
}

/// The milliseconds until a new key is on the disk.
async fn new_key() -> f64 {
    let count = if benches::measuring() { 200 } else { 2 };
    let dir = tempfile::tempdir().expect("a folder");
    let (whisper, _store) = open(dir.path());
    let start = Instant::now();
    for _ in 0..count {
        let id = whisper.keys().new_symmetric();
        whisper.state().keep_key(id).await.expect("the disk works");
    }
    let seconds = start.elapsed().as_secs_f64();
    whisper.stop().await;
    1000.0 * seconds / f64::from(count)
}
