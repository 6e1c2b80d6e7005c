//! Announcing against flooding, in the simulator without cryptography: 500 nodes, lines of 20 to 150 ms, 100 Mbit/s up, ten
//! envelopes a second. The figures are of virtual time, so that a busy machine changes nothing but how long they take.
//!
//! With `LAZY_TABLE` set, the whole table is printed as well: degrees 8, 16, 25 and 50, and sizes of 256 B, 1, 16 and 64 KiB.
//! With the name of a case on the command line, or a part of one, only its networks run.

use sim::{LazyCase, LazyMeasured};

/// Prints the whole table.
const TABLE: &str = "LAZY_TABLE";

const KIB: usize = 1024;

/// Flooding is cut after this number of envelopes: where the lines are full, each takes longer than the one before.
const POSTS: u64 = 200;

fn main() {
    if benches::wanted("lazy.copies_d25_1k lazy.bytes_d25_1k") {
        let lazy = run(25, KIB, false);
        benches::measured("lazy.copies_d25_1k", lazy.copies);
        benches::measured("lazy.bytes_d25_1k", lazy.bytes);
    }
    if benches::wanted("lazy.bytes_ratio_d25_64k lazy.p50_ratio_64k") {
        let [lazy, flood] = [false, true].map(|floods| run(25, 64 * KIB, floods));
        benches::measured("lazy.bytes_ratio_d25_64k", lazy.bytes / (64 * KIB) as f64);
        benches::measured("lazy.p50_ratio_64k", lazy.p50_ms / flood.p50_ms);
    }
    if benches::wanted("lazy.p50_ratio_idle") {
        let [lazy, flood] = [false, true].map(|floods| run(8, 256, floods));
        benches::measured("lazy.p50_ratio_idle", lazy.p50_ms / flood.p50_ms);
    }
    if std::env::var_os(TABLE).is_some() {
        table();
    }
}

/// Simulates a network. Not measuring, a small one.
fn run(degree: usize, size: usize, floods: bool) -> LazyMeasured {
    let case = LazyCase { degree, size, floods, posts: POSTS, ..LazyCase::default() };
    let case = match benches::measuring() {
        true => case,
        false => LazyCase { nodes: 12, degree: degree.min(6), posts: 3, warm_up: 3, ..case },
    };
    let measured = sim::measure_lazy(&case).unwrap_or_else(|violation| panic!("{violation}"));
    assert_eq!(measured.missing, 0, "{case}: {measured}");
    measured
}

#[expect(clippy::print_stdout, reason = "the table is the result")]
fn table() {
    println!("| degree, size | flooding: copies, bytes, p50 | announcing | p50, to flooding |");
    println!("|---|---|---|---|");
    for degree in [8, 16, 25, 50] {
        for size in [256, KIB, 16 * KIB, 64 * KIB] {
            let [lazy, flood] = [false, true].map(|floods| run(degree, size, floods));
            let cell = |it: &LazyMeasured| {
                format!("{:.2}, {:.0}, {:.0} ms", it.copies, it.bytes, it.p50_ms)
            };
            let ratio = lazy.p50_ms / flood.p50_ms;
            println!("| {degree}, {size} B | {} | {} | {ratio:.2} |", cell(&flood), cell(&lazy));
        }
    }
}
