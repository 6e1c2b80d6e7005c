//! Hashing several messages side by side, one in each lane of a vector.
//!
//! The blocks for the next permutation are written to memory before the present one begins. A vector that is loaded right
//! after its words were stored one by one would wait for them; a permutation later they are there.

use core::array;

use crate::{
    block::{Digest, RATE, padded, word},
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
    let mut waiting = messages.iter().enumerate().map(|(index, all)| Job::whole(index, all));
    let mut lanes = Lane::first::<V>(&mut waiting);
    let mut states = States::<V>::new(witness);
    let mut input = Input::new(&lanes);
    loop {
        let mut active = (0..MAX_LANES).filter_map(|lane| lanes[lane].job.map(|job| (lane, job)));
        let (first, second) = (active.next(), active.next());
        if second.is_none() {
            let (lane, Job { message, rest, .. }) = first?;
            let state = if input.begins(lane) { [0; WORDS] } else { states.get(lane) };
            return Some(Unfinished { message, state, rest });
        }
        states.absorb(witness, &input);
        let ended = input.advance::<V>(&mut lanes, &mut waiting);
        permute(witness, &mut states.words);
        for (lane, job) in ended.iter().enumerate() {
            if let Some(job) = job {
                digests[job.message] = states.digest(lane);
            }
        }
    }
}

/// Hashes each message, and each without its last `cut` bytes: what both have in common once. `cut` must be at most a
/// block, and no message shorter.
#[inline(always)]
pub(crate) fn side_by_side_cut<V: Lanes>(
    witness: V::Witness,
    messages: &[&[u8]],
    cut: usize,
    digests: &mut [Digest],
    of_cut: &mut [Digest],
) {
    let mut waiting = messages.iter().enumerate().map(|(index, all)| Job::cut(index, all, cut));
    let mut lanes = Lane::first::<V>(&mut waiting);
    let mut states = States::<V>::new(witness);
    let mut saved = States::<V>::new(witness);
    let mut input = Input::new(&lanes);
    while lanes.iter().any(|lane| lane.job.is_some()) {
        states.restore(witness, &saved, &input);
        states.absorb(witness, &input);
        let ended = input.advance::<V>(&mut lanes, &mut waiting);
        permute(witness, &mut states.words);
        saved.save(witness, &states, &input);
        for (lane, job) in ended.iter().enumerate() {
            if let Some(job) = job {
                let digests = if job.is_cut { &mut *of_cut } else { &mut *digests };
                digests[job.message] = states.digest(lane);
            }
        }
    }
}

/// A message, or the end of one, in a lane.
#[derive(Clone, Copy)]
struct Job<'a> {
    /// Index of the message.
    message: usize,
    /// What is not absorbed yet.
    rest: &'a [u8],
    /// Whole blocks until the state is needed again for `other`.
    common: usize,
    /// Another end of the message, shorter than a block.
    other: Option<&'a [u8]>,
    /// Whether this is the other end.
    is_cut: bool,
}

impl<'a> Job<'a> {
    fn whole(message: usize, rest: &'a [u8]) -> Self {
        Self { message, rest, common: 0, other: None, is_cut: false }
    }

    fn cut(message: usize, rest: &'a [u8], cut: usize) -> Self {
        let short = &rest[..rest.len().saturating_sub(cut)];
        let common = short.len() / RATE;
        let other = Some(&short[common * RATE..]);
        Self { message, rest, common, other, is_cut: false }
    }
}

/// What one lane hashes.
#[derive(Clone, Copy)]
struct Lane<'a> {
    job: Option<Job<'a>>,
    /// Whether the state before the other end of the message was saved: there is a block before it.
    has_saved: bool,
}

impl<'a> Lane<'a> {
    fn first<V: Lanes>(waiting: &mut impl Iterator<Item = Job<'a>>) -> [Self; MAX_LANES] {
        let mut lanes = [Self { job: None, has_saved: false }; MAX_LANES];
        for lane in &mut lanes[..V::COUNT] {
            lane.job = waiting.next();
        }
        lanes
    }
}

/// The next block of each lane, and masks of lanes: all bits of a lane's word are set, or none.
struct Input {
    blocks: [[u64; MAX_LANES]; RATE / 8],
    /// Lanes whose state is dropped before the block.
    drop: [u64; MAX_LANES],
    /// Lanes whose state is replaced by the saved one before the block.
    restore: [u64; MAX_LANES],
    /// Lanes whose state is saved after the permutation.
    save: [u64; MAX_LANES],
}

impl Input {
    #[inline(always)]
    fn new(lanes: &[Lane<'_>; MAX_LANES]) -> Self {
        let none = [0; MAX_LANES];
        let blocks = [none; RATE / 8];
        let mut input = Self { blocks, drop: [!0; MAX_LANES], restore: none, save: none };
        for (lane, Lane { job, .. }) in lanes.iter().enumerate() {
            if let Some(job) = job {
                input.put(lane, job.rest);
            }
        }
        input
    }

    /// Whether a message begins in this lane.
    fn begins(&self, lane: usize) -> bool {
        self.drop[lane] != 0
    }

    /// Goes on to the blocks after those that were just absorbed. Returns the jobs that end with them.
    #[inline(always)]
    fn advance<'a, V: Lanes>(
        &mut self,
        lanes: &mut [Lane<'a>; MAX_LANES],
        waiting: &mut impl Iterator<Item = Job<'a>>,
    ) -> [Option<Job<'a>>; MAX_LANES] {
        let none = [0; MAX_LANES];
        (self.drop, self.restore, self.save) = (none, none, none);
        let mut ended = [None; MAX_LANES];
        for (index, lane) in lanes.iter_mut().enumerate().take(V::COUNT) {
            let Some(job) = &mut lane.job else { continue };
            if let Some(rest) = job.rest.get(RATE..) {
                job.rest = rest;
                if job.common > 0 {
                    job.common -= 1;
                    if job.common == 0 {
                        self.save[index] = !0;
                        lane.has_saved = true;
                    }
                }
            } else {
                ended[index] = Some(*job);
                let from_saved = job.other.is_some() && lane.has_saved;
                let other = job.other.take();
                let other = other.map(|rest| Job { rest, is_cut: true, ..*job });
                lane.has_saved = false;
                lane.job = other.or_else(|| waiting.next());
                let masks = if from_saved { &mut self.restore } else { &mut self.drop };
                masks[index] = !0;
            }
            if let Some(job) = lane.job {
                self.put(index, job.rest);
            }
        }
        ended
    }

    #[inline(always)]
    fn put(&mut self, lane: usize, rest: &[u8]) {
        let last;
        let block = match rest.first_chunk::<RATE>() {
            Some(block) => block,
            None => {
                last = padded(rest);
                &last
            }
        };
        for (index, words) in self.blocks.iter_mut().enumerate() {
            words[lane] = word(block, index);
        }
    }
}

/// Several states: for each word of a state, a vector with that word of every state.
struct States<V> {
    words: [V; WORDS],
}

impl<V: Lanes> States<V> {
    #[inline(always)]
    fn new(witness: V::Witness) -> Self {
        Self { words: [V::splat(witness, 0); WORDS] }
    }

    /// Adds the blocks; a state that is dropped counts as 0.
    #[inline(always)]
    fn absorb(&mut self, witness: V::Witness, input: &Input) {
        let drop = V::load(witness, &input.drop);
        let zero = V::splat(witness, 0);
        for (index, word) in self.words.iter_mut().enumerate() {
            let block = input.blocks.get(index).map_or(zero, |block| V::load(witness, block));
            *word = block.chi(drop, *word);
        }
    }

    /// Takes the states of the lanes to be restored from `saved`.
    #[inline(always)]
    fn restore(&mut self, witness: V::Witness, saved: &Self, input: &Input) {
        self.mix(witness, saved, &input.restore);
    }

    /// Takes the states of the lanes to be saved from `states`.
    #[inline(always)]
    fn save(&mut self, witness: V::Witness, states: &Self, input: &Input) {
        self.mix(witness, states, &input.save);
    }

    /// Takes the states of these lanes from `other`.
    #[inline(always)]
    fn mix(&mut self, witness: V::Witness, other: &Self, lanes: &[u64; MAX_LANES]) {
        if *lanes == [0; MAX_LANES] {
            return;
        }
        let taken = V::load(witness, lanes);
        let kept = V::splat(witness, !0).xor(taken);
        let zero = V::splat(witness, 0);
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word = zero.chi(kept, *other).chi(taken, *word);
        }
    }

    /// The state of a lane.
    fn get(&self, lane: usize) -> State {
        array::from_fn(|index| self.word(index, lane))
    }

    /// The digest of a lane: the first words of its state as bytes.
    #[inline(always)]
    fn digest(&self, lane: usize) -> Digest {
        let mut digest = [0; size_of::<Digest>()];
        for (index, bytes) in digest.as_chunks_mut().0.iter_mut().enumerate() {
            *bytes = self.word(index, lane).to_le_bytes();
        }
        digest
    }

    #[inline(always)]
    fn word(&self, index: usize, lane: usize) -> u64 {
        let mut words = [0; MAX_LANES];
        self.words[index].store(&mut words);
        words[lane]
    }
}
