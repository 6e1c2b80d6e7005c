//! Two versions of a message understand each other: a decoder ignores fields that a later version has added (EIP-8), and
//! takes a default for those that an earlier version does not have.
//!
//! `cargo run -p rlp-codec --example versions`

use rlp_codec::{Error, decode_open_list, encode_list, text};

/// Version 2 of a greeting. Version 1 has only the name.
#[derive(Debug, PartialEq)]
struct Greeting {
    name: String,
    /// Languages that the sender speaks.
    languages: Vec<String>,
}

impl Greeting {
    fn decode(input: &[u8]) -> Result<Self, Error> {
        decode_open_list(input, |list| {
            let name = list.str()?.to_owned();
            let languages = match list.is_empty() {
                true => Vec::new(),
                false => list
                    .items()?
                    .map(|item| Ok(item?.str()?.to_owned()))
                    .collect::<Result<_, _>>()?,
            };
            Ok(Self { name, languages })
        })
    }
}

fn main() -> Result<(), Error> {
    let greeting = |name: &str, languages: &[&str]| Greeting {
        name: name.to_owned(),
        languages: languages.iter().map(|&language| language.to_owned()).collect(),
    };
    let (name, languages) = ("alice".to_owned(), vec!["en".to_owned(), "nl".to_owned()]);
    let mut bytes = Vec::new();

    encode_list(&mut bytes, &[&name]);
    println!("version 1: {}", text::dump(&bytes)?);
    assert_eq!(Greeting::decode(&bytes)?, greeting("alice", &[]));

    bytes.clear();
    encode_list(&mut bytes, &[&name, &languages, &42u64]);
    println!("version 3: {}", text::dump(&bytes)?);
    assert_eq!(Greeting::decode(&bytes)?, greeting("alice", &["en", "nl"]));

    // An error has the offset, here of the first language: the byte 0xc0 begins a list, not a text.
    bytes[8] = 0xc0;
    let error = Greeting::decode(&bytes).expect_err("a list is no text");
    println!("invalid:   {error}");
    assert_eq!(error.offset, 8);
    Ok(())
}

#[test]
fn the_versions_understand_each_other() {
    main().unwrap();
}
