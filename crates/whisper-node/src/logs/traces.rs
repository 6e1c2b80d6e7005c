//! Traces for OpenTelemetry: how long the steps of a call take, as spans that belong together.
//!
//! Only with the feature `otel`, and only if the environment variable `OTEL_EXPORTER_OTLP_ENDPOINT` (or
//! `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`) names a collector. It is sent the spans over HTTP, as JSON. Other variables of
//! OpenTelemetry apply as well, such as `OTEL_SERVICE_NAME` and `OTEL_TRACES_SAMPLER`.

use std::env;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// The variables that name a collector.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

/// The service, unless `OTEL_SERVICE_NAME` has another name.
const SERVICE: &str = "whisper-node";

/// The spans that are sent. Others may contain secrets.
const SPANS: [&str; 5] = ["rpc.call", "post", "seal", "relay", "open"];

/// Sends spans to the collector.
#[derive(Clone, Debug)]
pub(super) struct Traces(SdkTracerProvider);

impl Traces {
    /// Starts to send spans in a thread of its own, if the environment names a collector.
    ///
    /// # Errors
    ///
    /// The variables of OpenTelemetry are wrong.
    pub(super) fn start() -> Result<Option<Self>, ExporterBuildError> {
        if ENDPOINTS.iter().all(|variable| env::var_os(variable).is_none()) {
            return Ok(None);
        }
        let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpJson);
        let mut resource = Resource::builder();
        if env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name(SERVICE);
        }
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter.build()?);
        Ok(Some(Self(provider.with_resource(resource.build()).build())))
    }

    /// The layer that collects the spans.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let is_sent = filter_fn(|metadata| metadata.is_span() && SPANS.contains(&metadata.name()));
        tracing_opentelemetry::layer().with_tracer(self.0.tracer(SERVICE)).with_filter(is_sent)
    }

    /// Sends the spans that wait, and stops. It takes at most five seconds.
    pub(super) fn stop(&self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last spans are not sent to the collector");
        }
    }
}
