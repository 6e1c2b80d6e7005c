//! The elements that `sec/1` adds to auth and ack: the two ends' parts of the key agreements.
//!
//! ```text
//! "sec/1" (5) ‖ suite (1) ‖ X25519 share (32) ‖ in auth: ML-KEM-768 encapsulation key (1184)
//!                                               in ack: ML-KEM-768 ciphertext (1088)
//! ```

use rlp_codec::List;

use super::{SecError, Suite};

/// The first bytes of an element. Elements with other first bytes belong to other extensions.
const MAGIC: &[u8; 5] = b"sec/1";
const X25519: usize = 32;

/// Size of an encapsulation key of ML-KEM-768.
pub(super) const ENCAPSULATION_KEY: usize = 1184;
/// Size of a ciphertext of ML-KEM-768.
pub(super) const CIPHERTEXT: usize = 1088;

/// One end's part, with `KEM` bytes of ML-KEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shares<const KEM: usize> {
    /// In auth the one that the initiator prefers, in ack the one that is used.
    pub(super) suite: Suite,
    pub(super) x25519: [u8; X25519],
    pub(super) kem: Box<[u8; KEM]>,
}

/// The initiator's part.
pub(super) type Offer = Shares<ENCAPSULATION_KEY>;
/// The recipient's part.
pub(super) type Answer = Shares<CIPHERTEXT>;

impl<const KEM: usize> Shares<KEM> {
    const SIZE: usize = MAGIC.len() + 1 + X25519 + KEM;

    pub(super) fn encode(&self) -> Vec<u8> {
        [MAGIC, &[self.suite.number()][..], &self.x25519, &self.kem[..]].concat()
    }

    /// Reads an element that [`find`] returned.
    pub(super) fn decode(element: &[u8]) -> Result<Self, SecError> {
        let size = || SecError::Size { size: element.len(), expected: Self::SIZE };
        let (_, rest) = element.split_at_checked(MAGIC.len()).ok_or_else(size)?;
        let (&number, rest) = rest.split_first().ok_or_else(size)?;
        let (x25519, rest) = rest.split_first_chunk().ok_or_else(size)?;
        let kem: [u8; KEM] = rest.try_into().map_err(|_| size())?;
        let suite = Suite::from_number(number).ok_or(SecError::Suite(number))?;
        Ok(Self { suite, x25519: *x25519, kem: Box::new(kem) })
    }
}

/// The first element of `sec/1` among the remaining ones of a handshake message. Everything else is ignored, as EIP-8
/// says, even where it is not RLP.
pub(crate) fn find(list: &mut List<'_>) -> Option<Vec<u8>> {
    while let Ok(Some(item)) = list.optional() {
        if let Ok(bytes) = item.bytes()
            && bytes.starts_with(MAGIC)
        {
            return Some(bytes.to_vec());
        }
    }
    None
}
