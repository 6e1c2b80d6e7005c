//! The signature of a method: parameters, result and errors.

use p2p_identity::causes;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use crate::call::arguments::Args;
use crate::call::error::CallError;

/// Makes the schema of a type.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What a method can answer.
pub(crate) trait MethodResult:
    Serialize + JsonSchema + Clone + Send + Sync + 'static
{
}

impl<T: Serialize + JsonSchema + Clone + Send + Sync + 'static> MethodResult for T {}

/// The names of a subscription.
#[derive(Clone, Copy)]
pub(crate) struct SubscriptionNames {
    /// The method that subscribes. Its first argument is `what`.
    pub(crate) subscribe: &'static str,
    /// The method name in the notifications.
    pub(crate) notification: &'static str,
    /// The method that unsubscribes.
    pub(crate) unsubscribe: &'static str,
    /// What is subscribed to.
    pub(crate) what: &'static str,
}

/// A method as its clients see it.
pub(crate) struct Signature {
    pub(crate) name: &'static str,
    /// What it does, in one sentence.
    pub(crate) about: &'static str,
    pub(crate) params: Vec<Param>,
    pub(crate) result: SchemaOf,
    /// Examples of its errors, other than those about its arguments.
    pub(crate) errors: Vec<CallError>,
    /// The notifications that follow, if it subscribes.
    pub(crate) notifications: Option<Notifications>,
}

/// One parameter. Arguments are matched to parameters by position.
#[derive(Clone, Copy)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) schema: SchemaOf,
}

/// The notifications of a subscription.
#[derive(Clone, Copy)]
pub(crate) struct Notifications {
    pub(crate) names: SubscriptionNames,
    pub(crate) item: SchemaOf,
}

impl Signature {
    /// The signature of a method with arguments `A` and result `R`.
    pub(crate) fn of<A: Args, R: MethodResult>(name: &'static str, params: A::Names) -> Self {
        Self {
            name,
            about: "",
            params: A::params(params),
            result: |schemas| schemas.subschema_for::<R>(),
            errors: Vec::new(),
            notifications: None,
        }
    }

    /// Sets what it does.
    pub(crate) fn about(&mut self, about: &'static str) -> &mut Self {
        self.about = about;
        self
    }

    /// Adds examples of errors.
    pub(crate) fn fails(&mut self, errors: impl IntoIterator<Item = CallError>) -> &mut Self {
        self.errors.extend(errors);
        self
    }

    /// Makes it a subscription with notifications of type `T`.
    pub(crate) fn notifies<T: JsonSchema>(mut self, names: SubscriptionNames) -> Self {
        let item: SchemaOf = |schemas| schemas.subschema_for::<T>();
        self.notifications = Some(Notifications { names, item });
        self.errors.extend([
            CallError::NotificationsUnsupported,
            CallError::SubscriptionInBatch,
            CallError::NoSuchMethod { name: names.subscribe.replace("subscribe", "nonsense") },
        ]);
        self
    }

    /// Code and text of all errors. Those about its arguments come first.
    pub(crate) fn all_errors(&self) -> Vec<(i32, String)> {
        // The first argument of a subscription names what to subscribe to.
        let subject = usize::from(self.notifications.is_some());
        let required = self.params.iter().position(|param| param.required);
        let required = if subject == 1 { Some(0) } else { required };
        let missing = required.map(|index| CallError::MissingArgument { index });
        let at_most = subject + self.params.len();
        let surplus = (at_most > 0).then_some(CallError::TooManyArguments { at_most });
        let all = missing.iter().chain(&surplus).chain(&self.errors);
        all.map(|error| (error.code(), causes(error).to_string())).collect()
    }
}
