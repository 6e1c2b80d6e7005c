//! The tables of counters and reasons, and the values that are read from them.
//!
//! A new counter or reason is one line in a table, and one at the place that counts. The structs, the metrics and the
//! drop reasons ([`Server::drops`](crate::Server::drops)) follow from the tables.

use std::fmt;

use p2p_mux::{Metric, MetricKind, Sample};

/// One counter of a server with its present value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted<'a> {
    /// The value as a sample of a metric.
    pub sample: Sample<'a>,
    /// The reason, if it counts what was dropped, refused or cut.
    pub reason: Option<ReasonName<'a>>,
}

impl<'a> Counted<'a> {
    /// A counter of the connections. Dropped messages have the label `reason`.
    pub(crate) fn of_connections(sample: &Sample<'a>) -> Self {
        let reason = sample.labels.iter().find(|(label, _)| *label == "reason");
        let reason = reason.map(|(_, name)| ReasonName { group: "message", name });
        Self { sample: *sample, reason }
    }
}

/// The name of a reason for which something was dropped, refused or cut. Displayed as `refused.banned`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReasonName<'a> {
    /// What it was a reason for.
    pub group: &'static str,
    /// The reason, unique in its group.
    pub name: &'a str,
}

impl fmt::Display for ReasonName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.group, self.name)
    }
}

/// A value with counters.
pub(crate) trait Count {
    /// Calls `each` with every counter.
    fn visit(&self, each: &mut dyn FnMut(&Counted<'_>));
}

/// A metric that only grows.
pub(crate) const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric { name, help, kind: MetricKind::Counter }
}

/// A metric that grows and shrinks.
pub(crate) const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric { name, help, kind: MetricKind::Gauge }
}

/// Declares a struct of counters.
///
/// Each line is a counter: its field and type, its metric, the label under which it is published, and, if it counts what
/// was dropped, the group and the name of the reason. The block after `and` has further fields, which are tables too.
macro_rules! counters {
    (
        $(#[$meta:meta])*
        pub struct $Stats:ident {
            $(
                $(#[$attr:meta])+
                $field:ident: $type:ty = $metric:expr
                    $(, [$label:literal => $value:literal])?
                    $(, reason $group:literal $name:literal)?;
            )*
        } and {
            $($(#[$other_attr:meta])+ $other:ident: $other_type:ty;)*
        }
    ) => {
        $(#[$meta])*
        pub struct $Stats {
            $($(#[$attr])+ pub $field: $type,)*
            $($(#[$other_attr])+ pub $other: $other_type,)*
        }

        impl $crate::observed::Count for $Stats {
            fn visit(&self, each: &mut dyn FnMut(&$crate::observed::Counted<'_>)) {
                $(each(&$crate::observed::Counted {
                    sample: p2p_mux::Sample {
                        metric: $metric,
                        labels: &[$(($label, $value))?],
                        value: self.$field as u64,
                    },
                    reason: [
                        None,
                        $(Some($crate::observed::ReasonName { group: $group, name: $name }))?
                    ].into_iter().next_back().flatten(),
                });)*
                $($crate::observed::Count::visit(&self.$other, each);)*
            }
        }
    };
}

/// Declares an enum of reasons, each with its text and its name, and the struct that counts them.
///
/// A reason is published as the label `reason` of the metric. `in`: the group of the reasons. `total`: the metric of their
/// sum, if there is one.
macro_rules! reasons {
    (
        $(#[$meta:meta])*
        pub enum $Reason:ident counted by $Stats:ident in $group:literal as $metric:expr $(, total $total:expr)? => {
            $($(#[$attr:meta])+ $Variant:ident = $name:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
        #[non_exhaustive]
        pub enum $Reason {
            $($(#[$attr])+ $Variant,)+
        }

        impl $Reason {
            /// All reasons, in the order of their declaration.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$Variant),+];

            /// A stable name for metrics and JSON.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$Variant => $name,)+
                }
            }

            /// The name with that of its group.
            pub(crate) const fn full_name(self) -> $crate::observed::ReasonName<'static> {
                $crate::observed::ReasonName { group: $group, name: self.name() }
            }
        }

        #[doc = concat!("How often each [`", stringify!($Reason), "`] occurred.")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $Stats([u64; $Reason::ALL.len()]);

        impl $Stats {
            /// Counts one occurrence. Returns the number of occurrences of this reason.
            pub(crate) const fn count(&mut self, reason: $Reason) -> u64 {
                self.0[reason as usize] += 1;
                self.0[reason as usize]
            }

            /// How often this reason occurred.
            #[must_use]
            pub const fn get(&self, reason: $Reason) -> u64 {
                self.0[reason as usize]
            }

            /// All reasons with their counters.
            pub fn iter(&self) -> impl Iterator<Item = ($Reason, u64)> {
                $Reason::ALL.into_iter().zip(self.0)
            }

            /// The sum over all reasons.
            #[must_use]
            pub fn total(&self) -> u64 {
                self.0.iter().sum()
            }
        }

        impl $crate::observed::Count for $Stats {
            fn visit(&self, each: &mut dyn FnMut(&$crate::observed::Counted<'_>)) {
                $(each(&$crate::observed::Counted {
                    sample: p2p_mux::Sample { metric: $total, labels: &[], value: self.total() },
                    reason: None,
                });)?
                for (reason, value) in self.iter() {
                    each(&$crate::observed::Counted {
                        sample: p2p_mux::Sample {
                            metric: $metric,
                            labels: &[("reason", reason.name())],
                            value,
                        },
                        reason: Some(reason.full_name()),
                    });
                }
            }
        }

        /// A map from the name of the reason to the counter.
        #[cfg(feature = "serde")]
        impl serde::Serialize for $Stats {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.iter().map(|(reason, count)| (reason.name(), count)))
            }
        }
    };
}

pub(crate) use {counters, reasons};
