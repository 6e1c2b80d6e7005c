//! The work of many envelopes at once.

use keccak_lanes::{Digest, keccak256_batch};
use whisper_envelope::Envelope;

use crate::{Policy, Preimage, Rule, Work, WorkError};

/// The work that each of many envelopes would show if it lived for so many seconds, see
/// [`work_with_ttl`](crate::work_with_ttl).
///
/// The envelopes are hashed side by side, as many as the processor has lanes, which takes a fraction of the
/// time that one after the other would; from about four envelopes on it is worth it. Copies them together
/// first, once.
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
    let hashes = hashes(rule.preimage, envelopes);
    let all = envelopes.iter().zip(&hashes);
    all.map(|(&(envelope, ttl), hash)| rule.work_of(hash, envelope, ttl)).collect()
}

impl Policy {
    /// The most work that each of many envelopes shows under any of the accepted rules if it lives for so
    /// many seconds: [`work_with_ttl`](Self::work_with_ttl), but hashed side by side as by [`works`].
    #[must_use]
    pub fn works(&self, envelopes: &[(&Envelope, u32)]) -> Vec<Result<Work, WorkError>> {
        // Each hash once, whatever the number of rules that look at it.
        let of = |preimage| {
            let wanted = self.accept.iter().any(|rule| rule.preimage == preimage);
            if wanted { hashes(preimage, envelopes) } else { Vec::new() }
        };
        let (plain, hashed) = (of(Preimage::Plain), of(Preimage::Hashed));
        let most = |index: usize, envelope, ttl| {
            self.accept.iter().try_fold(Work::ZERO, |most, rule| {
                let hashes = match rule.preimage {
                    Preimage::Plain => &plain,
                    Preimage::Hashed => &hashed,
                };
                Ok(most.max(rule.work_of(&hashes[index], envelope, ttl)?))
            })
        };
        let indexed = envelopes.iter().enumerate();
        indexed
            .map(|(index, &(envelope, ttl))| match ttl {
                0 => Err(WorkError::ZeroTtl),
                _ => most(index, envelope, ttl),
            })
            .collect()
    }
}

/// What the zero bits are counted in, of each envelope.
fn hashes(preimage: Preimage, envelopes: &[(&Envelope, u32)]) -> Vec<Digest> {
    let mut bytes = Vec::new();
    let mut ends = Vec::with_capacity(envelopes.len());
    for (envelope, _) in envelopes {
        let rlp = envelope.unsealed().preimage();
        bytes.extend_from_slice(rlp.header());
        bytes.extend_from_slice(rlp.body());
        if preimage == Preimage::Plain {
            bytes.extend_from_slice(&envelope.nonce().to_be_bytes());
        }
        ends.push(bytes.len());
    }
    let starts = [0].into_iter().chain(ends.iter().copied());
    let messages: Vec<&[u8]> = starts.zip(&ends).map(|(start, end)| &bytes[start..*end]).collect();
    let digests = batch(&messages);
    match preimage {
        Preimage::Plain => digests,
        Preimage::Hashed => with_nonces(&digests, envelopes),
    }
}

/// The hashes of hashes, each followed by its envelope's nonce as a number of 256 bits.
fn with_nonces(digests: &[Digest], envelopes: &[(&Envelope, u32)]) -> Vec<Digest> {
    let message = |(digest, (envelope, _)): (&Digest, &(&Envelope, u32))| {
        let mut message = [0; 64];
        message[..32].copy_from_slice(digest);
        message[56..].copy_from_slice(&envelope.nonce().to_be_bytes());
        message
    };
    let messages: Vec<[u8; 64]> = digests.iter().zip(envelopes).map(message).collect();
    batch(&messages.iter().map(<[u8; 64]>::as_slice).collect::<Vec<_>>())
}

fn batch(messages: &[&[u8]]) -> Vec<Digest> {
    let mut digests = vec![[0; 32]; messages.len()];
    keccak256_batch(messages, &mut digests);
    digests
}
