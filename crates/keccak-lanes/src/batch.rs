//! Many messages side by side.

use crate::{
    Digest, Keccak256, Kernel,
    lanes::{Lanes, MOST},
    permutation::{State, WORDS, permute},
    sponge::{Block, RATE, digest_of, padded, word},
};

/// The Keccak-256 digests of many messages, as many side by side as the processor has lanes.
///
/// The messages may be of any lengths: where one ends, the next takes its lane. Nothing is allocated.
///
/// ```
/// use keccak_lanes::{keccak256, keccak256_batch};
///
/// let messages: [&[u8]; 3] = [b"one", b"another", &[7; 1000]];
/// let mut digests = [[0; 32]; 3];
/// keccak256_batch(&messages, &mut digests);
/// assert_eq!(digests, messages.map(keccak256));
/// ```
///
/// # Panics
///
/// If there are not as many digests as messages.
pub fn keccak256_batch(messages: &[&[u8]], digests: &mut [Digest]) {
    keccak256_batch_with(Kernel::best(), messages, digests);
}

/// [`keccak256_batch`] with a kernel of one's choice.
///
/// # Panics
///
/// If there are not as many digests as messages.
pub fn keccak256_batch_with(kernel: Kernel, messages: &[&[u8]], digests: &mut [Digest]) {
    assert_eq!(messages.len(), digests.len(), "as many digests as messages");
    if let Some(left) = kernel.batch(messages, digests) {
        let message = left.message;
        digests[message] = left.finish(kernel);
    }
}

/// The last message on its way, when it is alone.
pub(crate) struct Left<'a> {
    message: usize,
    state: State,
    rest: &'a [u8],
}

impl Left<'_> {
    fn finish(self, kernel: Kernel) -> Digest {
        Keccak256::resume(self.state, kernel).chain(self.rest).finalize()
    }
}

/// One after the other, where the processor has no lanes.
pub(crate) fn one_by_one(kernel: Kernel, messages: &[&[u8]], digests: &mut [Digest]) {
    for (message, digest) in messages.iter().zip(digests) {
        *digest = Keccak256::with_kernel(kernel).chain(message).finalize();
    }
}

/// As many messages at once as `V` has words, until only one is left, which has a state to itself.
#[inline(always)]
pub(crate) fn side_by_side<'a, V: Lanes>(
    proof: V::Proof,
    messages: &[&'a [u8]],
    digests: &mut [Digest],
) -> Option<Left<'a>> {
    let mut states = States([[0; MOST]; WORDS]);
    let mut coming = messages.iter().copied().enumerate();
    // The message in each lane, and what of it has not been absorbed.
    let mut lanes: [Option<(usize, &[u8])>; MOST] = [None; MOST];
    for lane in &mut lanes[..V::COUNT] {
        *lane = coming.next();
    }
    loop {
        let mut under_way = (0..MOST).filter_map(|lane| lanes[lane].map(|all| (lane, all)));
        let (first, second) = (under_way.next(), under_way.next());
        if second.is_none() {
            let (lane, (message, rest)) = first?;
            return Some(Left { message, state: states.take(lane), rest });
        }
        let mut ends = [false; MOST];
        for lane in 0..V::COUNT {
            let Some((_, rest)) = &mut lanes[lane] else { continue };
            ends[lane] = states.absorb(lane, rest);
        }
        states.permute::<V>(proof);
        for lane in (0..V::COUNT).filter(|lane| ends[*lane]) {
            if let Some((message, _)) = lanes[lane] {
                digests[message] = digest_of(&states.take(lane));
            }
            lanes[lane] = coming.next();
        }
    }
}

/// States side by side: word by word, and of each word one of each state.
struct States([[u64; MOST]; WORDS]);

impl States {
    /// Adds the next block of a message, with the padding where it is the last, and says whether it is.
    #[inline(always)]
    fn absorb(&mut self, lane: usize, rest: &mut &[u8]) -> bool {
        if let Some((block, after)) = rest.split_first_chunk::<RATE>() {
            self.add(lane, block);
            *rest = after;
            return false;
        }
        self.add(lane, &padded(rest));
        true
    }

    #[inline(always)]
    fn add(&mut self, lane: usize, block: &Block) {
        for index in 0..RATE / 8 {
            self.0[index][lane] ^= word(block, index);
        }
    }

    #[inline(always)]
    fn permute<V: Lanes>(&mut self, proof: V::Proof) {
        let mut words = [V::splat(proof, 0); WORDS];
        for (word, states) in words.iter_mut().zip(&self.0) {
            *word = V::load(proof, states);
        }
        permute(proof, &mut words);
        for (word, states) in words.iter().zip(&mut self.0) {
            word.store(states);
        }
    }

    /// Takes the state of a lane and leaves an empty one.
    fn take(&mut self, lane: usize) -> State {
        let mut state = [0; WORDS];
        for (word, states) in state.iter_mut().zip(&mut self.0) {
            *word = core::mem::take(&mut states[lane]);
        }
        state
    }
}
