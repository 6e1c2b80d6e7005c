//! A namespace as the list of its methods.
//!
//! Each method is declared once: its name, its parameters, what it answers and fails with, what it does. From that one
//! declaration it is registered and described ([`document`](crate::document)), and its arguments are read by the very
//! types that are described; so neither can say what the other does not.

use std::sync::Arc;

use futures_util::Stream;
use jsonrpsee::RpcModule;
use jsonrpsee::core::RegisterMethodError;
use schemars::JsonSchema;
use serde::Serialize;

use crate::call::arguments::Args;
use crate::call::error::CallError;
use crate::call::push;
use crate::declare::signature::Signature;

/// What a method can answer.
pub(crate) trait Answer: Serialize + JsonSchema + Clone + Send + Sync + 'static {}

impl<T: Serialize + JsonSchema + Clone + Send + Sync + 'static> Answer for T {}

/// Puts one method into the module that serves it.
type Install<C> = Box<dyn FnOnce(&mut RpcModule<C>) -> Result<(), RegisterMethodError>>;

/// The methods of a namespace that is about a `C`.
pub(crate) struct Api<C> {
    methods: Vec<(Signature, Install<C>)>,
}

/// The names of a subscription: the three methods, and what is subscribed to.
#[derive(Clone, Copy)]
pub(crate) struct Feed {
    /// The method that subscribes, whose first argument is `what`.
    pub(crate) subscribe: &'static str,
    /// What the notifications are called.
    pub(crate) notification: &'static str,
    /// The method that ends it.
    pub(crate) unsubscribe: &'static str,
    /// What is subscribed to.
    pub(crate) what: &'static str,
}

impl<C: Send + Sync + 'static> Api<C> {
    /// No method yet.
    pub(crate) fn new() -> Self {
        Self { methods: Vec::new() }
    }

    /// Declares a method that answers at once.
    pub(crate) fn call<A: Args, R: Answer>(
        &mut self,
        name: &'static str,
        params: A::Names,
        call: impl Fn(&C, A) -> Result<R, CallError> + Send + Sync + 'static,
    ) -> &mut Signature {
        self.push(Signature::of::<A, R>(name, params), move |module| {
            module
                .register_method(name, move |params, context, _| call(context, A::read(&params)?))
                .map(drop)
        })
    }

    /// Declares a method that computes for long: it does so elsewhere than on the threads that answer.
    pub(crate) fn blocking<A: Args, R: Answer>(
        &mut self,
        name: &'static str,
        params: A::Names,
        call: impl Fn(&C, A) -> Result<R, CallError> + Clone + Send + Sync + 'static,
    ) -> &mut Signature {
        self.push(Signature::of::<A, R>(name, params), move |module| {
            let call = move |context: Arc<C>, arguments| call(&context, arguments);
            module
                .register_blocking_method(name, move |params, context, _| {
                    call(context, A::read(&params)?)
                })
                .map(drop)
        })
    }

    /// Declares a method that waits for something. Its future is dropped when the client disconnects.
    pub(crate) fn task<A: Args, R: Answer, F>(
        &mut self,
        name: &'static str,
        params: A::Names,
        call: impl Fn(Arc<C>, A) -> F + Clone + Send + Sync + 'static,
    ) -> &mut Signature
    where
        F: Future<Output = Result<R, CallError>> + Send + 'static,
    {
        self.push(Signature::of::<A, R>(name, params), move |module| {
            module
                .register_async_method(name, move |params, context, _| {
                    let waiting = A::read(&params).map(|arguments| call(context, arguments));
                    async move { waiting?.await }
                })
                .map(drop)
        })
    }

    /// Declares what can be subscribed to, one thing in a namespace. `open` makes the stream before the client is told
    /// that it has subscribed: nothing is missed in between.
    pub(crate) fn subscription<A: Args, S>(
        &mut self,
        feed: Feed,
        params: A::Names,
        open: impl Fn(&C, A) -> Result<S, CallError> + Clone + Send + Sync + 'static,
    ) -> &mut Signature
    where
        S: Stream<Item: Serialize + JsonSchema + Send> + Send + 'static,
    {
        let end = Signature::of::<(String,), bool>(feed.unsubscribe, ["subscription"]);
        self.push(end, |_| Ok(()))
            .about("Ends a subscription of this connection.")
            .fails([CallError::NotificationsUnsupported, CallError::NoSuchSubscription]);
        let signature = Signature::of::<A, String>(feed.subscribe, params);
        self.push(signature.pushes::<S::Item>(feed), move |module| {
            module
                .register_subscription(
                    feed.subscribe,
                    feed.notification,
                    feed.unsubscribe,
                    move |params, pending, context, _| {
                        let opened = push::arguments(&params, feed)
                            .and_then(|arguments| open(&context, arguments));
                        push::answer(pending, opened)
                    },
                )
                .map(drop)
        })
    }

    fn push(
        &mut self,
        signature: Signature,
        install: impl FnOnce(&mut RpcModule<C>) -> Result<(), RegisterMethodError> + 'static,
    ) -> &mut Signature {
        let index = self.methods.len();
        self.methods.push((signature, Box::new(install)));
        &mut self.methods[index].0
    }

    /// The module that serves the methods about this `context`.
    pub(crate) fn install(self, context: C) -> Result<RpcModule<()>, RegisterMethodError> {
        let mut module = RpcModule::new(context);
        for (_, install) in self.methods {
            install(&mut module)?;
        }
        Ok(module.remove_context())
    }

    /// What the methods look like, in the order of their declaration.
    pub(crate) fn signatures(self) -> Vec<Signature> {
        self.methods.into_iter().map(|(signature, _)| signature).collect()
    }
}
