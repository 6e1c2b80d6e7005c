//! The work of many envelopes at once.

use keccak_lanes::{Digest, keccak256_batch, keccak256_batch_cut};
use whisper_envelope::Envelope;

use crate::{Policy, Preimage, Proof, Rule, Work, WorkError};

/// The work of each of many envelopes, each with the time to live given in seconds; see
/// [`work_with_ttl`](crate::work_with_ttl).
///
/// The envelopes are hashed side by side, as many as the processor has lanes. From about four envelopes on this
/// is faster than one by one. All envelopes are copied into one buffer first.
///
/// ```
/// use whisper_envelope::{Topic, Unsealed};
/// use whisper_pow::{Rule, work, works};
///
/// let [one, other] = [7, 8].map(|byte| {
///     Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), &[byte; 280]).seal(0)
/// });
/// let works = works(Rule::EIP_627, &[(&one, one.ttl()), (&other, other.ttl())]);
/// assert_eq!(works, [work(Rule::EIP_627, &one), work(Rule::EIP_627, &other)]);
/// ```
#[must_use]
pub fn works(rule: Rule, envelopes: &[(&Envelope, u32)]) -> Vec<Result<Work, WorkError>> {
    let hashes = Hashes::of(envelopes, |preimage| preimage == rule.preimage);
    let all = envelopes.iter().zip(hashes.all(rule.preimage));
    all.map(|(&(envelope, ttl), hash)| rule.work_of(hash, envelope, ttl)).collect()
}

impl Policy {
    /// The highest work of each of many envelopes under any accepted rule, with the time to live given in
    /// seconds: as [`work_with_ttl`](Self::work_with_ttl), but hashed side by side like [`works`].
    #[must_use]
    pub fn works(&self, envelopes: &[(&Envelope, u32)]) -> Vec<Result<Work, WorkError>> {
        let proofs = self.proofs(envelopes);
        proofs.into_iter().map(|proof| Ok(self.best(&proof?))).collect()
    }

    /// The [`proof`](Self::proof) of each of many envelopes, hashed side by side like [`works`].
    #[must_use]
    pub fn proofs(&self, envelopes: &[(&Envelope, u32)]) -> Vec<Result<Proof, WorkError>> {
        let hashes = Hashes::of(envelopes, |preimage| self.hashes(preimage));
        let of = |(index, &(envelope, ttl)): (usize, &(&Envelope, u32))| {
            let of = |preimage| hashes.all(preimage).get(index);
            Proof::new(envelope, ttl, of(Preimage::Plain), of(Preimage::Hashed))
        };
        envelopes.iter().enumerate().map(of).collect()
    }
}

/// Number of hashes of hashes that are computed together, on the stack: a multiple of the lanes of every processor.
const TOGETHER: usize = 16;

/// The hashes in which zero bits are counted, one per envelope; empty for a preimage that no rule uses.
struct Hashes {
    plain: Vec<Digest>,
    hashed: Vec<Digest>,
}

impl Hashes {
    /// Both kinds together: what an envelope has before its nonce is absorbed once.
    fn of(envelopes: &[(&Envelope, u32)], wanted: impl Fn(Preimage) -> bool) -> Self {
        const NONCE: usize = size_of::<u64>();
        let (bytes, ends) = preimages(envelopes);
        let starts = [0].into_iter().chain(ends.iter().copied()).zip(&ends);
        let messages: Vec<&[u8]> = starts.map(|(start, end)| &bytes[start..*end]).collect();
        let (plain, mut hashed) = match (wanted(Preimage::Plain), wanted(Preimage::Hashed)) {
            (true, true) => {
                let mut digests = [(); 2].map(|()| vec![[0; 32]; messages.len()]);
                let [plain, hashed] = &mut digests;
                keccak256_batch_cut(&messages, NONCE, plain, hashed);
                digests.into()
            }
            (plain, hashed) => {
                let cut = |message: &&'_ [u8]| message.len() - NONCE;
                let without_nonce = || messages.iter().map(|it| &it[..cut(it)]).collect::<Vec<_>>();
                let plain = if plain { batch(&messages) } else { Vec::new() };
                (plain, if hashed { batch(&without_nonce()) } else { Vec::new() })
            }
        };
        add_nonces(&mut hashed, envelopes);
        Self { plain, hashed }
    }

    fn all(&self, preimage: Preimage) -> &[Digest] {
        match preimage {
            Preimage::Plain => &self.plain,
            Preimage::Hashed => &self.hashed,
        }
    }
}

/// The concatenated plain preimages of all envelopes, and the end of each.
fn preimages(envelopes: &[(&Envelope, u32)]) -> (Vec<u8>, Vec<usize>) {
    let total = envelopes.iter().map(|(envelope, _)| envelope.raw().len() + 16).sum();
    let mut bytes = Vec::with_capacity(total);
    let mut ends = Vec::with_capacity(envelopes.len());
    for (envelope, _) in envelopes {
        let rlp = envelope.unsealed().preimage();
        bytes.extend_from_slice(rlp.header());
        bytes.extend_from_slice(rlp.body());
        bytes.extend_from_slice(&envelope.nonce().to_be_bytes());
        ends.push(bytes.len());
    }
    (bytes, ends)
}

/// Replaces hashes by the hashes of what they are followed by: the envelope's nonce as a number of 256 bits.
fn add_nonces(hashes: &mut [Digest], envelopes: &[(&Envelope, u32)]) {
    for (hashes, envelopes) in hashes.chunks_mut(TOGETHER).zip(envelopes.chunks(TOGETHER)) {
        let mut messages = [[0; 64]; TOGETHER];
        for ((message, hash), (envelope, _)) in messages.iter_mut().zip(&*hashes).zip(envelopes) {
            message[..32].copy_from_slice(hash);
            message[56..].copy_from_slice(&envelope.nonce().to_be_bytes());
        }
        let messages = messages.each_ref().map(<[u8; 64]>::as_slice);
        keccak256_batch(&messages[..hashes.len()], hashes);
    }
}

fn batch(messages: &[&[u8]]) -> Vec<Digest> {
    let mut digests = vec![[0; 32]; messages.len()];
    keccak256_batch(messages, &mut digests);
    digests
}
