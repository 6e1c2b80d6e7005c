//! What a method is called with, what it answers and what it fails with.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::call::arguments::Args;
use crate::call::error::CallError;
use crate::declare::api::{Answer, Feed};

/// Makes the schema of a type.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A method as its clients see it.
pub(crate) struct Signature {
    pub(crate) name: &'static str,
    /// What it does, in a sentence.
    pub(crate) about: &'static str,
    pub(crate) params: Vec<Param>,
    pub(crate) result: SchemaOf,
    /// What it fails with beyond arguments that do not fit, each as it may occur.
    pub(crate) errors: Vec<CallError>,
    /// What it pushes, if it subscribes.
    pub(crate) pushes: Option<Pushes>,
}

/// One parameter. They go by position.
#[derive(Clone, Copy)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) schema: SchemaOf,
}

/// The notifications that follow a subscription.
#[derive(Clone, Copy)]
pub(crate) struct Pushes {
    pub(crate) feed: Feed,
    pub(crate) item: SchemaOf,
}

impl Signature {
    /// A method that takes these arguments and answers that.
    pub(crate) fn of<A: Args, R: Answer>(name: &'static str, params: A::Names) -> Self {
        Self {
            name,
            about: "",
            params: A::params(params),
            result: |schemas| schemas.subschema_for::<R>(),
            errors: Vec::new(),
            pushes: None,
        }
    }

    /// Says what it does.
    pub(crate) fn about(&mut self, about: &'static str) -> &mut Self {
        self.about = about;
        self
    }

    /// Says what it fails with.
    pub(crate) fn fails(&mut self, errors: impl IntoIterator<Item = CallError>) -> &mut Self {
        self.errors.extend(errors);
        self
    }

    /// Says what it pushes.
    pub(crate) fn pushes<T: JsonSchema>(mut self, feed: Feed) -> Self {
        self.pushes = Some(Pushes { feed, item: |schemas| schemas.subschema_for::<T>() });
        self.errors.extend([
            CallError::NotificationsUnsupported,
            CallError::SubscriptionInBatch,
            CallError::NoSuchMethod { name: feed.subscribe.replace("subscribe", "nonsense") },
        ]);
        self
    }

    /// Everything it fails with: first what arguments can be found unfit for.
    pub(crate) fn all_errors(&self) -> Vec<(i32, String)> {
        // A subscription is first told what to.
        let subject = usize::from(self.pushes.is_some());
        let required = self.params.iter().position(|param| param.required);
        let required = if subject == 1 { Some(0) } else { required };
        let missing = required.map(|index| CallError::MissingArgument { index });
        let at_most = subject + self.params.len();
        let surplus = (at_most > 0).then_some(CallError::TooManyArguments { at_most });
        let unfit = [missing, surplus].into_iter().flatten();
        let all = unfit.map(|error| (error.code(), error.to_string()));
        all.chain(self.errors.iter().map(|error| (error.code(), error.to_string()))).collect()
    }
}
