//! Makes the counters, the drop reasons and the statistics from one table.

/// Makes from a table of groups:
///
/// - `Counter`: what is counted without a reason (`count`), for `Counters::one` and `Counters::add`;
/// - [`Reason`](crate::Reason): why something was dropped (`drop`), for `Counters::record`;
/// - a struct for each group with one public field for each line, and [`Stats`](crate::Stats) of all groups.
///
/// Lines under `kept` are counted by the owner of the group itself. `as` sets another name for JSON and metrics than
/// that of the field. Doc comments are also the help texts of the metrics.
///
/// `by` a label: the group is one metric, and the label tells its counters apart. The sum of such counters has a meaning.
/// `by each`: each counter is a metric, whose name begins with that of the group.
macro_rules! stats {
    ($(
        $(#[doc = $about:literal])+
        $group:ident: $Group:ident = $metric:literal by $label:tt {
            $(kept { $($(#[doc = $kept_help:literal])+ $kept:ident,)* })?
            $(count {
                $($(#[doc = $count_help:literal])+ $count:ident $(as $alias:literal)?: $Counter:ident,)*
            })?
            $(drop { $($(#[doc = $drop_help:literal])+ $drop:ident: $Reason:ident,)* })?
        }
    )*) => {
        /// What is counted without a reason.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Counter { $($($($Counter,)*)?)* }

        impl Counter {
            /// All counters.
            pub(crate) const ALL: &'static [Self] = &[$($($(Self::$Counter,)*)?)*];
        }

        /// Why something was dropped, rejected or disconnected.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Reason { $($($($(#[doc = $drop_help])+ $Reason,)*)?)* }

        impl Reason {
            /// All reasons, group by group.
            pub const ALL: &'static [Self] = &[$($($(Self::$Reason,)*)?)*];

            /// The name: the path of its counter in [`Stats`](crate::Stats), such as `rejected.expired`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $($($(
                        Self::$Reason => concat!(stringify!($group), ".", stringify!($drop)),
                    )*)?)*
                }
            }
        }

        $(
            $(#[doc = $about])+
            #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
            pub struct $Group {
                $($($(#[doc = $kept_help])+ pub $kept: u64,)*)?
                $($(
                    $(#[doc = $count_help])+
                    $(#[serde(rename = $alias)])?
                    pub $count: u64,
                )*)?
                $($($(#[doc = $drop_help])+ pub $drop: u64,)*)?
            }
        )*

        /// All counters of the node's Whisper at one moment.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
        pub struct Stats { $($(#[doc = $about])+ pub $group: $Group,)* }

        impl Stats {
            /// Reads all counters. Those that their owner keeps are 0.
            pub(crate) fn collect(
                counted: impl Fn(Counter) -> u64,
                dropped: impl Fn(Reason) -> u64,
            ) -> Self {
                Self {
                    $($group: $Group {
                        $($($kept: 0,)*)?
                        $($($count: counted(Counter::$Counter),)*)?
                        $($($drop: dropped(Reason::$Reason),)*)?
                    },)*
                }
            }

            /// All groups with all counters, for programs that show them without knowing each one.
            #[must_use]
            pub fn groups(&self) -> Vec<StatsGroup> {
                vec![$({
                    let about = help(concat!($($about),+));
                    StatsGroup {
                        name: stringify!($group),
                        label: label!($label),
                        help: about,
                        counters: vec![
                            $($(StatsCounter {
                                name: stringify!($kept),
                                help: help(concat!($($kept_help),+)),
                                metric: Metric::counter(
                                    metric!($label, $metric, stringify!($kept)),
                                    metric_help!($label, about, help(concat!($($kept_help),+))),
                                ),
                                value: self.$group.$kept,
                            },)*)?
                            $($(StatsCounter {
                                name: name!($count $($alias)?),
                                help: help(concat!($($count_help),+)),
                                metric: Metric::counter(
                                    metric!($label, $metric, name!($count $($alias)?)),
                                    metric_help!($label, about, help(concat!($($count_help),+))),
                                ),
                                value: self.$group.$count,
                            },)*)?
                            $($(StatsCounter {
                                name: stringify!($drop),
                                help: help(concat!($($drop_help),+)),
                                metric: Metric::counter(
                                    metric!($label, $metric, stringify!($drop)),
                                    metric_help!($label, about, help(concat!($($drop_help),+))),
                                ),
                                value: self.$group.$drop,
                            },)*)?
                        ],
                    }
                },)*]
            }
        }
    };
}

/// The name of a counter in JSON and metrics.
macro_rules! name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $alias:literal) => {
        $alias
    };
}

/// The label that tells the counters of a group apart, if they are one metric.
macro_rules! label {
    (each) => {
        None
    };
    ($label:literal) => {
        Some($label)
    };
}

/// The name of the metric of a counter.
macro_rules! metric {
    (each, $metric:literal, $name:expr) => {
        concat!($metric, "_", $name, "_total")
    };
    ($label:literal, $metric:literal, $name:expr) => {
        $metric
    };
}

/// The help text of the metric of a counter: that of the group if all counters are one metric.
macro_rules! metric_help {
    (each, $group:expr, $counter:expr) => {
        $counter
    };
    ($label:literal, $group:expr, $counter:expr) => {
        $group
    };
}

pub(super) use {label, metric, metric_help, name, stats};
