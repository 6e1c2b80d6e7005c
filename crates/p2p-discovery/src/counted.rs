//! The tables of counters and reasons, and the values that are read from them.
//!
//! A new counter or reason is one line in a table, and one at the place that counts.

use crate::stats::Drops;
use crate::v4::PacketKind;

/// The name of a metric, and its description in one line.
pub(crate) type Name = (&'static str, &'static str);

/// One counter with its present value, as metrics systems publish it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted<'a> {
    /// The name of the metric, according to the conventions of Prometheus.
    pub metric: &'static str,
    /// The metric in one line.
    pub help: &'static str,
    /// Labels as pairs of name and value. No other counter of the metric has the same labels.
    pub labels: &'a [(&'a str, &'a str)],
    /// The value.
    pub value: u64,
    /// The name of the reason, if it counts what was dropped.
    pub reason: Option<&'a str>,
}

/// Something that counts. `of`: its metric and its own labels.
pub(crate) trait Count {
    /// Calls `each` with every counter.
    fn visit(&self, of: Counted<'_>, each: &mut dyn FnMut(&Counted<'_>));
}

impl Count for u64 {
    fn visit(&self, of: Counted<'_>, each: &mut dyn FnMut(&Counted<'_>)) {
        each(&Counted { value: *self, ..of });
    }
}

impl Count for [u64; PacketKind::ALL.len()] {
    fn visit(&self, of: Counted<'_>, each: &mut dyn FnMut(&Counted<'_>)) {
        for (kind, value) in PacketKind::ALL.iter().zip(self) {
            let kind = format!("{kind:?}").to_lowercase();
            let labels = [of.labels, &[("kind", &kind)]].concat();
            each(&Counted { labels: &labels, value: *value, ..of });
        }
    }
}

impl Count for Drops {
    fn visit(&self, of: Counted<'_>, each: &mut dyn FnMut(&Counted<'_>)) {
        for (reason, value) in self.iter() {
            let labels = [of.labels, &[("reason", reason.name())]].concat();
            each(&Counted { labels: &labels, value, reason: Some(reason.name()), ..of });
        }
    }
}

/// Declares a struct of counters. Each line has the field and its type, its metric, and a label if the metric has
/// several.
macro_rules! counters {
    (
        $(#[$meta:meta])*
        pub struct $Stats:ident {
            $(
                $(#[$attr:meta])+
                $field:ident: $type:ty = $metric:expr $(, [$label:literal => $value:literal])?;
            )+
        }
    ) => {
        $(#[$meta])*
        pub struct $Stats {
            $($(#[$attr])+ pub $field: $type,)+
        }

        impl $Stats {
            /// Calls `each` with every counter.
            pub fn for_each_counter(&self, each: &mut dyn FnMut(&$crate::Counted<'_>)) {
                $({
                    let (metric, help) = $metric;
                    let labels = &[$(($label, $value))?];
                    let of = $crate::Counted { metric, help, labels, value: 0, reason: None };
                    $crate::counted::Count::visit(&self.$field, of, each);
                })+
            }
        }
    };
}

/// Declares an enum of reasons with their names.
macro_rules! reasons {
    (
        $(#[$meta:meta])*
        pub enum $Reason:ident {
            $($(#[$attr:meta])+ $Variant:ident = $name:literal,)+
        }
    ) => {
        $(#[$meta])*
        pub enum $Reason {
            $($(#[$attr])+ $Variant,)+
        }

        impl $Reason {
            /// All reasons, in the order of their declaration.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$Variant),+];

            /// The name of the reason in metrics and logs.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$Variant => $name,)+
                }
            }
        }
    };
}

pub(crate) use {counters, reasons};
