//! The key agreements of both ends, from the elements of auth and ack to the secrets.

use rand_core::CryptoRng;

use super::library::{Answered, Generated, KeyPair, SecLibrary};
use super::schedule::{Keys, Schedule, Transcript};
use super::secrets::SharedSecrets;
use super::shares::{Answer, Offer};
use super::{RecordOpener, RecordSealer, SecError, SecSettings, Suite};

/// The initiator's part, whose answer has not arrived.
pub(crate) struct PendingOffer {
    keys: Box<dyn KeyPair>,
    library: SecLibrary,
    prefers: Suite,
}

/// What both ends have agreed on.
pub(crate) struct Agreement {
    library: SecLibrary,
    suite: Suite,
    secrets: SharedSecrets,
}

impl PendingOffer {
    /// New keys, and the element for auth.
    pub(crate) fn new(
        library: SecLibrary,
        settings: &SecSettings,
        mut rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(Self, Vec<u8>), SecError> {
        let Generated { keys, x25519, encapsulation_key } = library.library().generate(&mut rng)?;
        let offer = Offer { suite: settings.suite, x25519, kem: encapsulation_key };
        Ok((Self { keys, library, prefers: settings.suite }, offer.encode()))
    }

    /// Reads the element of ack.
    pub(crate) fn finish(self, element: &[u8]) -> Result<Agreement, SecError> {
        let Self { keys, library, prefers } = self;
        let answer = Answer::decode(element)?;
        if Suite::agreed(prefers, answer.suite) != answer.suite {
            return Err(SecError::Suite(answer.suite.number()));
        }
        Ok(Agreement { library, suite: answer.suite, secrets: keys.finish(&answer)? })
    }
}

/// Reads the element of auth, and makes the one of ack.
pub(crate) fn answer(
    library: SecLibrary,
    settings: &SecSettings,
    element: &[u8],
    mut rng: &mut (impl CryptoRng + ?Sized),
) -> Result<(Agreement, Vec<u8>), SecError> {
    let offer = Offer::decode(element)?;
    let suite = Suite::agreed(settings.suite, offer.suite);
    let Answered { x25519, ciphertext, secrets } = library.library().answer(&offer, &mut rng)?;
    let answer = Answer { suite, x25519, kem: ciphertext };
    Ok((Agreement { library, suite, secrets }, answer.encode()))
}

impl Agreement {
    /// The two directions of the end with this role; `ephemeral` is the shared secret of the RLPx handshake.
    pub(crate) fn directions(
        &self,
        ephemeral: &[u8; 32],
        transcript: &Transcript<'_>,
        initiator: bool,
    ) -> (RecordSealer, RecordOpener) {
        let library = self.library.library();
        let schedule = Schedule::derive(library, ephemeral, &self.secrets, transcript);
        let Schedule { initiator: first, recipient: second } = schedule;
        let (sending, receiving) = if initiator { (first, second) } else { (second, first) };
        let keys = |secret| Keys::new(library, self.suite, secret);
        (RecordSealer::new(keys(sending)), RecordOpener::new(keys(receiving)))
    }
}
