//! Rules for computing the work of an envelope.

/// A rule for computing the work of an envelope, with three parameters.
///
/// Implementations of Whisper use different rules, and the protocol does not say which one a peer uses: the node
/// must choose ([`Policy`](crate::Policy)). Under each rule
///
/// ```text
/// work = 2^(zero bits of a hash) / (size × time to live)
/// ```
///
/// ```
/// use whisper_pow::{Preimage, Rule, Size, Zeros};
///
/// let by_hand = Rule { preimage: Preimage::Plain, zeros: Zeros::Leading, size: Size::UnsealedRlp };
/// assert_eq!(by_hand, Rule::EIP_627);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// What is hashed.
    pub preimage: Preimage,
    /// Which zero bits of the hash count.
    pub zeros: Zeros,
    /// The size that counts.
    pub size: Size,
}

/// What is hashed with Keccak-256 for each nonce. `rlp4` is the envelope's RLP without its nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Preimage {
    /// `keccak(rlp4) ‖ 24 zero bytes ‖ nonce`, the nonce in 8 bytes, big-endian.
    Hashed,
    /// `rlp4 ‖ nonce`, the nonce in 8 bytes, big-endian.
    Plain,
}

/// Which zero bits of the hash count, taken as a big-endian number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Zeros {
    /// Those after the lowest set bit.
    Trailing,
    /// Those before the highest set bit.
    Leading,
}

/// The size of an envelope that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Size {
    /// 20 plus the lengths of the variable fields: [`Unsealed::size`](whisper_envelope::Unsealed::size).
    Fields,
    /// The length of the RLP without the nonce.
    UnsealedRlp,
    /// The length of the whole RLP, including the nonce.
    SealedRlp,
}

impl Rule {
    /// go-ethereum up to 1.8, shh/5 and shh/6.
    pub const GETH_1_8: Self =
        Self { preimage: Preimage::Hashed, zeros: Zeros::Trailing, size: Size::Fields };

    /// EIP-627 as go-ethereum 1.9, Status and Waku implement it.
    pub const EIP_627: Self =
        Self { preimage: Preimage::Plain, zeros: Zeros::Leading, size: Size::UnsealedRlp };

    /// Parity: the hash of [`EIP_627`](Self::EIP_627), the size of the whole RLP.
    pub const PARITY: Self = Self { size: Size::SealedRlp, ..Self::EIP_627 };

    /// nim-eth: the hash of [`EIP_627`](Self::EIP_627), the size of [`GETH_1_8`](Self::GETH_1_8).
    pub const NIM: Self = Self { size: Size::Fields, ..Self::EIP_627 };
}
