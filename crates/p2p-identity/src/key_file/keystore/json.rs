//! The JSON of a keystore file.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Derivation, Keystore, KeystoreError, MAX_KEYSTORE};

/// The file. Fields that are not known are ignored: programs add their own.
#[derive(Deserialize, Serialize)]
struct File {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    // Some old programs write it with a capital letter.
    #[serde(alias = "Crypto")]
    crypto: Crypto,
    #[serde(default)]
    id: String,
    version: Value,
}

#[derive(Deserialize, Serialize)]
struct Crypto {
    cipher: String,
    ciphertext: String,
    cipherparams: CipherParams,
    kdf: String,
    kdfparams: KdfParams,
    mac: String,
}

#[derive(Deserialize, Serialize)]
struct CipherParams {
    iv: String,
}

/// The parameters of both functions.
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct KdfParams {
    #[serde(skip_serializing_if = "Option::is_none")]
    c: Option<u32>,
    dklen: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prf: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r: Option<u32>,
    salt: String,
}

/// The length of a derived key. Only its first 32 bytes would be used.
const DERIVED_BYTES: u32 = 32;

/// A field has a wrong value.
const fn wrong(field: &'static str, expected: &'static str) -> KeystoreError {
    KeystoreError::Field { field, expected }
}

/// The bytes of a field in hexadecimal.
fn bytes<const N: usize>(
    field: &'static str,
    expected: &'static str,
    text: &str,
) -> Result<[u8; N], KeystoreError> {
    let mut bytes = [0; N];
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| wrong(field, expected))?;
    Ok(bytes)
}

impl Keystore {
    /// Reads a keystore file. It does not need the password, and does not check what is encrypted.
    ///
    /// # Errors
    ///
    /// Any [`KeystoreError`] except [`KeystoreError::Password`] and [`KeystoreError::Key`].
    pub fn from_json(text: &[u8]) -> Result<Self, KeystoreError> {
        if text.len() > MAX_KEYSTORE {
            return Err(KeystoreError::TooLarge);
        }
        let file: File =
            serde_json::from_slice(text).map_err(|error| KeystoreError::Json(error.to_string()))?;
        match file.version.as_u64() {
            Some(3) => {}
            Some(other) => return Err(KeystoreError::Version(other)),
            None => return Err(wrong("version", "expected the number 3")),
        }
        let Crypto { cipher, ciphertext, cipherparams, kdf, kdfparams, mac } = file.crypto;
        if cipher != "aes-128-ctr" {
            return Err(wrong("cipher", "only aes-128-ctr can be read"));
        }
        let salt = kdfparams.salt.strip_prefix("0x").unwrap_or(&kdfparams.salt);
        let salt = hex::decode(salt).map_err(|_| wrong("salt", "expected hexadecimal digits"))?;
        let address = file.address.filter(|text| !text.is_empty());
        let address = address.map(|text| bytes("address", "expected 40 hexadecimal digits", &text));
        Ok(Self {
            id: uuid(&file.id)?,
            address: address.transpose()?,
            derivation: derivation(&kdf, &kdfparams)?.check()?,
            salt,
            iv: bytes("iv", "expected 32 hexadecimal digits", &cipherparams.iv)?,
            ciphertext: bytes("ciphertext", "expected 64 hexadecimal digits", &ciphertext)?,
            mac: bytes("mac", "expected 64 hexadecimal digits", &mac)?,
        })
    }

    /// The content of the file.
    #[must_use]
    pub fn to_json(&self) -> String {
        let (kdf, params) = match self.derivation {
            Derivation::Scrypt { log_n, r, p } => {
                let n = Some(1_u64 << log_n);
                ("scrypt", KdfParams { n, r: Some(r), p: Some(p), ..KdfParams::default() })
            }
            Derivation::Pbkdf2 { rounds } => {
                let (c, prf) = (Some(rounds), Some("hmac-sha256".to_owned()));
                ("pbkdf2", KdfParams { c, prf, ..KdfParams::default() })
            }
        };
        let file = File {
            address: self.address.map(hex::encode),
            crypto: Crypto {
                cipher: "aes-128-ctr".to_owned(),
                ciphertext: hex::encode(self.ciphertext),
                cipherparams: CipherParams { iv: hex::encode(self.iv) },
                kdf: kdf.to_owned(),
                kdfparams: KdfParams {
                    dklen: DERIVED_BYTES,
                    salt: hex::encode(&self.salt),
                    ..params
                },
                mac: hex::encode(self.mac),
            },
            id: uuid_text(&self.id),
            version: 3.into(),
        };
        serde_json::to_value(file).unwrap_or_default().to_string()
    }
}

fn derivation(kdf: &str, params: &KdfParams) -> Result<Derivation, KeystoreError> {
    if params.dklen != DERIVED_BYTES {
        return Err(wrong("dklen", "only 32 can be read"));
    }
    match kdf {
        "scrypt" => {
            let n = params.n.filter(|n| n.is_power_of_two() && *n > 1);
            let n = n.ok_or(wrong("n", "expected a power of two above 1"))?;
            let r = params.r.filter(|r| *r > 0).ok_or(wrong("r", "expected at least 1"))?;
            let p = params.p.filter(|p| *p > 0).ok_or(wrong("p", "expected at least 1"))?;
            // At most 63.
            let log_n = u8::try_from(n.ilog2()).unwrap_or(u8::MAX);
            Ok(Derivation::Scrypt { log_n, r, p })
        }
        "pbkdf2" if params.prf.as_deref() != Some("hmac-sha256") => {
            Err(wrong("prf", "only hmac-sha256 can be read"))
        }
        "pbkdf2" => {
            let rounds = params.c.ok_or(wrong("c", "expected the number of rounds"))?;
            Ok(Derivation::Pbkdf2 { rounds })
        }
        _ => Err(wrong("kdf", "only scrypt and pbkdf2 can be read")),
    }
}

/// Reads a UUID. Without one, it is zero: the id has no use for the key.
fn uuid(text: &str) -> Result<[u8; 16], KeystoreError> {
    match text {
        "" => Ok([0; 16]),
        text => bytes("id", "expected a UUID", &text.replace('-', "")),
    }
}

fn uuid_text(id: &[u8; 16]) -> String {
    let digits = hex::encode(id);
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    parts.join("-")
}
