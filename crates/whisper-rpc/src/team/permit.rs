//! Whether a call is allowed, when it begins and while it lasts.

use std::sync::Mutex;

use whisper_protocol::PartialTopic;

use crate::lock::lock;
use crate::team::Team;
use crate::team::method_rule::MethodRule;
use crate::team::pass::Pass;
use crate::team::refusal::Refusal;

/// What one call needs of its team. Subscriptions last as long as they have it.
#[derive(Debug)]
pub(crate) struct Permit {
    pass: Pass,
    rule: &'static MethodRule,
    /// The topics that it uses; `None` if topics do not matter.
    topics: Mutex<Option<Vec<PartialTopic>>>,
}

impl Permit {
    /// The permit of a call of this method.
    pub(crate) fn new(pass: Pass, rule: &'static MethodRule) -> Result<Self, Refusal> {
        pass.check()?.scopes.permit(rule)?;
        Ok(Self { pass, rule, topics: Mutex::default() })
    }

    /// The call uses these topics; none: all topics.
    pub(crate) fn use_topics(&self, topics: Vec<PartialTopic>) -> Result<(), Refusal> {
        self.pass.check()?.scopes.permit_topics(&topics)?;
        *lock(&self.topics) = Some(topics);
        Ok(())
    }

    /// Waits until the call is no longer allowed.
    pub(crate) async fn lost(&self) -> Refusal {
        self.pass.until(|team| self.check(team)).await
    }

    fn check(&self, team: &Team) -> Result<(), Refusal> {
        team.scopes.permit(self.rule)?;
        let topics = lock(&self.topics);
        topics.as_ref().map_or(Ok(()), |topics| team.scopes.permit_topics(topics))
    }
}
