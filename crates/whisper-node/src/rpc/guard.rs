//! A check of every HTTP request by its head alone, before anything else looks at it.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::Either;
use jsonrpsee::core::BoxError;
use jsonrpsee::server::{HttpRequest, HttpResponse};
use tower::{Layer, Service};

use super::refusal::{Counters, Refusal};

/// What a [`Guard`] checks.
pub(super) trait Rule: Send + Sync {
    /// Whether the request may pass.
    fn check(&self, request: &HttpRequest) -> Result<(), Refusal>;
}

/// Puts a [`Guard`] before a service.
#[derive(Clone)]
pub(super) struct GuardLayer<R> {
    rule: Arc<R>,
    counters: Arc<Counters>,
}

impl<R> GuardLayer<R> {
    pub(super) fn new(rule: R, counters: Arc<Counters>) -> Self {
        Self { rule: Arc::new(rule), counters }
    }
}

impl<S, R> Layer<S> for GuardLayer<R> {
    type Service = Guard<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Guard { inner, rule: Arc::clone(&self.rule), counters: Arc::clone(&self.counters) }
    }
}

/// Refuses requests that break a rule.
pub(super) struct Guard<S, R> {
    inner: S,
    rule: Arc<R>,
    counters: Arc<Counters>,
}

impl<S: Clone, R> Clone for Guard<S, R> {
    fn clone(&self) -> Self {
        let (rule, counters) = (Arc::clone(&self.rule), Arc::clone(&self.counters));
        Self { inner: self.inner.clone(), rule, counters }
    }
}

impl<S, R> Service<HttpRequest> for Guard<S, R>
where
    S: Service<HttpRequest, Response = HttpResponse, Error = BoxError>,
    R: Rule,
{
    type Response = HttpResponse;
    type Error = BoxError;
    type Future = Either<S::Future, Ready<Result<HttpResponse, BoxError>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: HttpRequest) -> Self::Future {
        match self.rule.check(&request) {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(refusal) => Either::Right(ready(Ok(self.counters.refuse(refusal)))),
        }
    }
}
