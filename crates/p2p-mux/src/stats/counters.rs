//! Counters with one writer, and the table that declares them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number with one writer and any number of readers.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: usize) {
        // With one writer a load and a store are enough. They are cheaper than an atomic addition.
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        self.set(self.get().saturating_add(more));
    }

    pub(crate) fn increment(&self) {
        self.add(1);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Declares a group of counters: the struct of live counters, and the public struct with a copy of
/// their values.
///
/// Each line has the name of a counter, the [`Metric`](super::Metric) and the labels under which it
/// is published. The block after `and` has further fields of the public struct, which are filled in
/// by hand. So a new counter is one line here and one line at the place that counts.
macro_rules! counters {
    (
        $(#[$meta:meta])*
        $stats:ident counted by $counters:ident {
            $(
                $(#[$doc:meta])*
                $field:ident: $metric:expr, [$($label:literal => $value:literal)?];
            )*
        } and {
            $($(#[$other_doc:meta])* $other:ident: $type:ty,)*
        }
    ) => {
        $(#[$meta])*
        pub struct $stats {
            $($(#[$doc])* pub $field: u64,)*
            $($(#[$other_doc])* pub $other: $type,)*
        }

        #[doc = concat!("The live counters of [`", stringify!($stats), "`].")]
        #[derive(Debug, Default)]
        pub(crate) struct $counters {
            $(pub(crate) $field: $crate::stats::counters::Counter,)*
        }

        impl $counters {
            /// A copy of the counters, together with the other fields.
            fn snapshot(&self, $($other: $type),*) -> $stats {
                $stats { $($field: self.$field.get(),)* $($other,)* }
            }
        }

        impl $stats {
            /// Adds the counters of `other`, but not its other fields.
            fn add_counters(&mut self, other: &Self) {
                $(self.$field += other.$field;)*
            }

            /// Calls `each` with every counter: its metric, its labels after `labels`, its value.
            fn visit(&self, labels: &[(&str, &str)], each: &mut dyn FnMut(&$crate::Sample<'_>)) {
                $(
                    $crate::Sample {
                        metric: $metric,
                        labels: &[labels, &[$(($label, $value))?]].concat(),
                        value: self.$field,
                    }.give(each);
                )*
            }
        }
    };
}
pub(super) use counters;
