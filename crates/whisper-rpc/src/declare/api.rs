//! The methods of a namespace.
//!
//! Each method is declared once: name, parameters, result, errors and summary. From this declaration it is registered
//! and described ([`openrpc`](crate::openrpc)). Its arguments are read by the described types, so the description is
//! always correct.

use std::sync::Arc;

use futures_util::Stream;
use jsonrpsee::RpcModule;
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::core::server::Extensions;
use schemars::JsonSchema;
use serde::Serialize;

use crate::call::arguments::Args;
use crate::call::dispatch::Caller;
use crate::call::error::CallError;
use crate::call::push;
use crate::declare::signature::{MethodResult, Signature, SubscriptionNames};

/// Registers one method at the module that serves it.
type Install<C> = Box<dyn FnOnce(&mut RpcModule<C>) -> Result<(), RegisterMethodError>>;

/// The methods of a namespace. They work on a context of type `C`.
pub(crate) struct Api<C> {
    methods: Vec<(Signature, Install<C>)>,
}

impl<C: Send + Sync + 'static> Api<C> {
    /// Creates an empty list of methods.
    pub(crate) fn new() -> Self {
        Self { methods: Vec::new() }
    }

    /// Declares a method that answers at once.
    pub(crate) fn call<A: Args, R: MethodResult>(
        &mut self,
        name: &'static str,
        params: A::Names,
        call: impl Fn(&C, A) -> Result<R, CallError> + Send + Sync + 'static,
    ) -> &mut Signature {
        self.call_by(name, params, move |context, _, arguments| call(context, arguments))
    }

    /// Declares a method that answers at once and depends on the caller.
    pub(crate) fn call_by<A: Args, R: MethodResult>(
        &mut self,
        name: &'static str,
        params: A::Names,
        call: impl Fn(&C, &Caller, A) -> Result<R, CallError> + Send + Sync + 'static,
    ) -> &mut Signature {
        self.push(Signature::of::<A, R>(name, params), move |module| {
            module
                .register_method(name, move |params, context, extensions| {
                    call(context, caller(extensions)?, A::read(&params)?)
                })
                .map(drop)
        })
    }

    /// Declares a method that computes for a long time. It runs on a thread of its own.
    pub(crate) fn blocking<A: Args, R: MethodResult>(
        &mut self,
        name: &'static str,
        params: A::Names,
        call: impl Fn(&C, &Caller, A) -> Result<R, CallError> + Clone + Send + Sync + 'static,
    ) -> &mut Signature {
        self.push(Signature::of::<A, R>(name, params), move |module| {
            module
                .register_blocking_method(name, move |params, context, extensions| {
                    call(&context, caller(&extensions)?, A::read(&params)?)
                })
                .map(drop)
        })
    }

    /// Declares a method that waits for something. Its future is dropped when the client disconnects.
    pub(crate) fn task<A: Args, R: MethodResult, F>(
        &mut self,
        name: &'static str,
        params: A::Names,
        call: impl Fn(Arc<C>, A) -> F + Clone + Send + Sync + 'static,
    ) -> &mut Signature
    where
        F: Future<Output = Result<R, CallError>> + Send + 'static,
    {
        self.task_by(name, params, move |context, _, arguments| call(context, arguments))
    }

    /// Declares a method that waits for something and depends on the caller.
    pub(crate) fn task_by<A: Args, R: MethodResult, F>(
        &mut self,
        name: &'static str,
        params: A::Names,
        call: impl Fn(Arc<C>, &Caller, A) -> F + Clone + Send + Sync + 'static,
    ) -> &mut Signature
    where
        F: Future<Output = Result<R, CallError>> + Send + 'static,
    {
        self.push(Signature::of::<A, R>(name, params), move |module| {
            module
                .register_async_method(name, move |params, context, extensions| {
                    let future = caller(&extensions)
                        .and_then(|caller| Ok(call(context, caller, A::read(&params)?)));
                    async move { future?.await }
                })
                .map(drop)
        })
    }

    /// Declares a subscription; a namespace has at most one. `open` makes the stream before the client is told that it
    /// has subscribed, so the client misses nothing in between.
    pub(crate) fn subscription<A: Args, S>(
        &mut self,
        names: SubscriptionNames,
        params: A::Names,
        open: impl Fn(&C, &Caller, A) -> Result<S, CallError> + Clone + Send + Sync + 'static,
    ) -> &mut Signature
    where
        S: Stream<Item: Serialize + JsonSchema + Send + Sync> + Send + 'static,
    {
        let end = Signature::of::<(String,), bool>(names.unsubscribe, ["subscription"]);
        self.push(end, |_| Ok(()))
            .about("Ends a subscription of this connection.")
            .fails([CallError::NotificationsUnsupported, CallError::NoSuchSubscription]);
        let signature = Signature::of::<A, String>(names.subscribe, params);
        self.push(signature.notifies::<S::Item>(names), move |module| {
            module
                .register_subscription(
                    names.subscribe,
                    names.notification,
                    names.unsubscribe,
                    move |params, pending, context, extensions| {
                        let opened = caller(&extensions).and_then(|caller| {
                            let arguments = push::arguments(&params, names)?;
                            Ok((open(&context, caller, arguments)?, caller.clone()))
                        });
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

    /// Registers all methods, which then work on `context`.
    pub(crate) fn install(self, context: C) -> Result<RpcModule<()>, RegisterMethodError> {
        let mut module = RpcModule::new(context);
        for (_, install) in self.methods {
            install(&mut module)?;
        }
        Ok(module.remove_context())
    }

    /// The signatures of the methods, in the order of their declaration.
    pub(crate) fn signatures(self) -> Vec<Signature> {
        self.methods.into_iter().map(|(signature, _)| signature).collect()
    }
}

/// The caller, which the dispatcher gives to every method.
fn caller(extensions: &Extensions) -> Result<&Caller, CallError> {
    extensions.get().ok_or(CallError::Stopping)
}
