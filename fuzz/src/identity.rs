//! Enode URLs, node records and the ECIES box.

use p2p_identity::{Content, Enode, Keystore, MAX_RECORD, Record, SecretKey, ecies};

use crate::fixture;

/// A parsed URL prints in canonical form, which parses to the same value.
pub fn enode(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(enode) = text.parse::<Enode>() else { return };
    let printed = enode.to_string();
    assert_eq!(printed.parse().as_ref(), Ok(&enode), "{text}");
    assert_eq!(
        enode.id.public_key().map(|key| key.id()),
        Ok(enode.id),
        "an id is a point on the curve"
    );
}

/// A decoded record encodes to the same bytes and text. A record signed here, with the input as its values, decodes, and
/// does not with one bit changed.
pub fn enr(data: &[u8]) {
    if let Ok(record) = Record::decode(data) {
        assert_eq!(record.encode(), data);
        check(&record);
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(record) = text.parse::<Record>()
    {
        check(&record);
    }
    let key = fixture::key(1);
    let content = data.chunks(9).fold(Content::new(), |content, chunk| {
        let (name, value) = chunk.split_at(chunk.len() / 2);
        // Other names may require values of a certain form.
        let name = [b"x-", name].concat();
        content.set(name, value)
    });
    match Record::sign(&key, 7, &content) {
        Ok(record) => {
            assert_eq!(record.content(), content);
            check(&record);
            let mut changed = record.encode();
            let bit = fixture::position(data, 8 * changed.len());
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(Record::decode(&changed).is_err(), "bit {bit}");
        }
        Err(error) => assert!(data.len() > 40, "{error}"),
    }
}

/// Checks the properties of every record.
fn check(record: &Record) {
    let bytes = record.encode();
    assert!(bytes.len() <= MAX_RECORD);
    assert_eq!(Record::decode(&bytes).as_ref(), Ok(record));
    assert_eq!(record.to_string().parse().as_ref(), Ok(record));
    assert!(record.enode().is_none_or(|enode| enode.id == record.id()));
}

/// Any bytes do not open, or have the right length. A sealed box opens, and does not with one bit changed.
pub fn ecies_open(data: &[u8]) {
    let key = fixture::key(1);
    if let Ok(plaintext) = ecies::open(&key, data, b"") {
        assert_eq!(plaintext.len() + ecies::OVERHEAD, data.len());
    }
    let mut sealed = seal(&key, data);
    assert_eq!(ecies::open(&key, &sealed, b"shared").as_deref(), Ok(data));
    assert!(ecies::open(&key, &sealed, b"other").is_err());
    let bit = fixture::position(data, 8 * sealed.len());
    sealed[bit / 8] ^= 1 << (bit % 8);
    assert!(ecies::open(&key, &sealed, b"shared").is_err(), "bit {bit}");
}

fn seal(key: &SecretKey, plaintext: &[u8]) -> Vec<u8> {
    ecies::seal_with(&fixture::key(2), [3; 16], &key.public_key(), plaintext, b"shared")
}

/// The input is a keystore file. What is read is written, and read again, as the same. Its costs are within the limits, so it is
/// not opened here: that takes a second.
pub fn keystore(data: &[u8]) {
    let Ok(read) = Keystore::from_json(data) else { return };
    let written = read.to_json();
    assert_eq!(Keystore::from_json(written.as_bytes()).as_ref(), Ok(&read));
    assert!(!read.derivation().is_empty());
}
