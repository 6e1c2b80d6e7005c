//! A set of numbers within one block.

use crate::relay::pool::live_blocks::BLOCK;

#[expect(clippy::cast_possible_truncation, reason = "a small constant")]
const BITS: usize = BLOCK as usize;

const WORDS: usize = BITS / 64;

/// Number of exceptions beyond which a bit for each number takes less memory.
const MAX_EXCEPTIONS: usize = BITS / 16;

/// Number of exceptions below which a list takes less memory again. Less than [`MAX_EXCEPTIONS`], so that a set does
/// not change its form again and again.
const FEW_EXCEPTIONS: usize = MAX_EXCEPTIONS / 2;

/// A set of the numbers of one block. Most sets have nearly all of them or nearly none: such a set is a list of
/// exceptions. Numbers are never removed.
#[derive(Debug)]
pub(super) enum Plane {
    Listed {
        /// Whether the numbers that are not in the list are in the set.
        all: bool,
        /// In order.
        exceptions: Vec<u16>,
    },
    Bits {
        words: Box<[u64; WORDS]>,
        /// How many numbers are in the set.
        count: usize,
    },
}

impl Default for Plane {
    /// The empty set.
    fn default() -> Self {
        Self::Listed { all: false, exceptions: Vec::new() }
    }
}

impl Plane {
    pub(super) fn contains(&self, number: u16) -> bool {
        match self {
            Self::Listed { all, exceptions } => exceptions.binary_search(&number).is_ok() != *all,
            Self::Bits { words, .. } => words[usize::from(number) / 64] >> (number % 64) & 1 == 1,
        }
    }

    /// Adds a number below the length of a block.
    pub(super) fn insert(&mut self, number: u16) {
        match self {
            Self::Listed { all: true, exceptions } => {
                if let Ok(index) = exceptions.binary_search(&number) {
                    exceptions.remove(index);
                    if exceptions.len() * 2 < exceptions.capacity() {
                        exceptions.shrink_to_fit();
                    }
                }
            }
            Self::Listed { all: false, exceptions } => {
                if exceptions.last().is_none_or(|last| *last < number) {
                    exceptions.push(number);
                } else if let Err(index) = exceptions.binary_search(&number) {
                    exceptions.insert(index, number);
                }
                if exceptions.len() > MAX_EXCEPTIONS {
                    self.spread();
                }
            }
            Self::Bits { words, count } => {
                let (word, bit) = (&mut words[usize::from(number) / 64], 1 << (number % 64));
                *count += usize::from(*word & bit == 0);
                *word |= bit;
                if BITS - *count < FEW_EXCEPTIONS {
                    self.list();
                }
            }
        }
    }

    /// Bytes of memory on the heap.
    pub(super) fn heap(&self) -> usize {
        match self {
            Self::Listed { exceptions, .. } => exceptions.capacity() * size_of::<u16>(),
            Self::Bits { .. } => BITS / 8,
        }
    }

    /// Uses a bit for each number from now on.
    fn spread(&mut self) {
        let Self::Listed { all: false, exceptions } = self else { return };
        let mut words = Box::new([0; WORDS]);
        for number in &*exceptions {
            words[usize::from(*number) / 64] |= 1 << (number % 64);
        }
        *self = Self::Bits { words, count: exceptions.len() };
    }

    /// Lists the few numbers that are missing from now on.
    fn list(&mut self) {
        let numbers = (0_u16..).take(BITS);
        let exceptions = numbers.filter(|number| !self.contains(*number)).collect();
        *self = Self::Listed { all: true, exceptions };
    }
}
