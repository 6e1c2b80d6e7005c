//! Hashing several messages side by side, one in each lane of a vector.

use crate::{
    block::{Block, Digest, RATE, digest_of, padded, word},
    lanes::{Lanes, MAX_LANES},
    permutation::{State, WORDS, permute},
};

/// A message that is partly absorbed and has no other message beside it.
pub(crate) struct Unfinished<'a> {
    /// Index of the message.
    pub(crate) message: usize,
    /// What has been absorbed of it, in whole blocks.
    pub(crate) state: State,
    /// What has not.
    pub(crate) rest: &'a [u8],
}

/// Hashes as many messages at once as `V` has lanes. When only one is unfinished and no other waits, returns it: one
/// state has a faster kernel.
#[inline(always)]
pub(crate) fn side_by_side<'a, V: Lanes>(
    witness: V::Witness,
    messages: &[&'a [u8]],
    digests: &mut [Digest],
) -> Option<Unfinished<'a>> {
    let mut states = States([[0; MAX_LANES]; WORDS]);
    let mut waiting = messages.iter().copied().enumerate();
    // The message in each lane, and the part of it that is not absorbed yet.
    let mut lanes: [Option<(usize, &[u8])>; MAX_LANES] = [None; MAX_LANES];
    for lane in &mut lanes[..V::COUNT] {
        *lane = waiting.next();
    }
    loop {
        let mut active = (0..MAX_LANES).filter_map(|lane| lanes[lane].map(|all| (lane, all)));
        let (first, second) = (active.next(), active.next());
        if second.is_none() {
            let (lane, (message, rest)) = first?;
            return Some(Unfinished { message, state: states.take(lane), rest });
        }
        let mut ends = [false; MAX_LANES];
        for lane in 0..V::COUNT {
            let Some((_, rest)) = &mut lanes[lane] else { continue };
            ends[lane] = states.absorb(lane, rest);
        }
        states.permute::<V>(witness);
        for lane in (0..V::COUNT).filter(|lane| ends[*lane]) {
            if let Some((message, _)) = lanes[lane] {
                digests[message] = digest_of(&states.take(lane));
            }
            lanes[lane] = waiting.next();
        }
    }
}

/// Several states, interleaved: for each word of a state, an array with that word of every state.
struct States([[u64; MAX_LANES]; WORDS]);

impl States {
    /// Adds the next block of a message. Returns whether it is the last block, which includes the padding.
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
    fn permute<V: Lanes>(&mut self, witness: V::Witness) {
        let mut words = [V::splat(witness, 0); WORDS];
        for (word, states) in words.iter_mut().zip(&self.0) {
            *word = V::load(witness, states);
        }
        permute(witness, &mut words);
        for (word, states) in words.iter().zip(&mut self.0) {
            word.store(states);
        }
    }

    /// Takes the state of a lane and leaves an empty state there.
    fn take(&mut self, lane: usize) -> State {
        let mut state = [0; WORDS];
        for (word, states) in state.iter_mut().zip(&mut self.0) {
            *word = core::mem::take(&mut states[lane]);
        }
        state
    }
}
