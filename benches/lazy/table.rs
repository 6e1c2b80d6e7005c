//! The tables of all sizes and degrees, and of networks in which something goes wrong.

use sim::{LazyCase, LazyMeasured};

use crate::{KIB, case, run};

/// Prints both tables. With the name of a row on the command line, or a part of one, only that row.
#[expect(clippy::print_stdout, reason = "the table is the result")]
pub(crate) fn print() {
    println!(
        "| row | degree, size | flooding: copies, bytes, p50 | announcing | p50, to flooding |"
    );
    println!("|---|---|---|---|---|");
    for degree in [8, 16, 25, 50, 2, 4] {
        for size in [256, KIB, 16 * KIB, 64 * KIB] {
            let row = format!("table_d{degree}_{size}");
            if !benches::wanted(&row) {
                continue;
            }
            let [lazy, flood] = [false, true].map(|floods| run(&case(degree, size, floods)));
            let cell = |it: &LazyMeasured| {
                format!("{:.2}, {:.0}, {:.0} ms", it.copies, it.bytes, it.p50_ms)
            };
            let ratio = lazy.p50_ms / flood.p50_ms;
            let cells = [cell(&flood), cell(&lazy), format!("{ratio:.2}")].join(" | ");
            println!("| {row} | {degree}, {size} B | {cells} |");
        }
    }
    let whole = case(25, KIB, false);
    println!("| row | copies | bytes | p50 | p99 | requests that were not answered |");
    println!("|---|---|---|---|---|---|");
    for (row, case) in [
        ("trouble_none", whole),
        ("trouble_liars", LazyCase { liars: 0.3, ..whole }),
        ("trouble_plain", LazyCase { plain: 0.3, ..whole }),
        ("trouble_churn", LazyCase { churn: 0.2, ..whole }),
        ("trouble_divided", LazyCase { divided: true, ..whole }),
        ("trouble_all", LazyCase { liars: 0.3, plain: 0.3, churn: 0.2, divided: true, ..whole }),
    ] {
        if benches::wanted(row) {
            let LazyMeasured { copies, bytes, p50_ms, p99_ms, unanswered, .. } = run(&case);
            println!(
                "| {row} | {copies:.2} | {bytes:.0} | {p50_ms:.0} ms | {p99_ms:.0} ms | {unanswered} |"
            );
        }
    }
}
