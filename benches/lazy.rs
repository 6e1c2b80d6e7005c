//! Announcing against flooding, in the simulator without cryptography: 500 nodes, lines of 20 to 150 ms, 100 Mbit/s up, ten
//! envelopes a second. The figures are of virtual time, so that a busy machine changes nothing but how long they take.
//!
//! Beside it, 50 nodes in one process over loopback, with all that a node does: there the processor is what takes time.
//!
//! With `LAZY_TABLE` set, two tables are printed as well: one of degrees from 2 to 50 and sizes from 256 B to 64 KiB, and one of
//! networks in which something goes wrong.
//! With the name of a case on the command line, or a part of one, only its networks run.

#[path = "lazy/counting_world.rs"]
mod counting_world;
#[path = "lazy/mesh.rs"]
mod mesh;
#[path = "lazy/table.rs"]
mod table;

use mesh::{Mesh, MeshMeasured};
use sim::{LazyCase, LazyMeasured};

/// Prints the whole table.
const TABLE: &str = "LAZY_TABLE";

const KIB: usize = 1024;

/// Flooding is cut after this number of envelopes: where the lines are full, each takes longer than the one before.
const POSTS: u64 = 200;

/// Peers of each node of the networks over loopback.
const MESH_DEGREES: [usize; 4] = [6, 10, 18, 36];

/// How often a network that announces and one that floods are measured in turn.
const MESH_PASSES: u64 = 5;

fn main() {
    if benches::wanted("lazy.copies_d25_1k lazy.bytes_d25_1k") {
        let lazy = run(&case(25, KIB, false));
        benches::measured("lazy.copies_d25_1k", lazy.copies);
        benches::measured("lazy.bytes_d25_1k", lazy.bytes);
    }
    if benches::wanted("lazy.bytes_ratio_d25_64k lazy.p50_ratio_64k") {
        let [lazy, flood] = [false, true].map(|floods| run(&case(25, 64 * KIB, floods)));
        benches::measured("lazy.bytes_ratio_d25_64k", lazy.bytes / (64 * KIB) as f64);
        benches::measured("lazy.p50_ratio_64k", lazy.p50_ms / flood.p50_ms);
    }
    if benches::wanted("lazy.p50_ratio_idle") {
        let [lazy, flood] = [false, true].map(|floods| run(&case(8, 256, floods)));
        benches::measured("lazy.p50_ratio_idle", lazy.p50_ms / flood.p50_ms);
    }
    for degree in MESH_DEGREES {
        if benches::wanted(&format!("lazy.mesh_d{degree}")) {
            measure_mesh(degree);
        }
    }
    if std::env::var_os(TABLE).is_some() {
        table::print();
    }
}

/// Reports the bytes of a network that announces, and its time until all have a message, in multiples of flooding's.
fn measure_mesh(degree: usize) {
    let (nodes, posts, warm_up, passes) = benches::size((50, 60, 60, MESH_PASSES), (8, 2, 2, 1));
    let degree_of = degree.min(nodes - 2);
    let pairs = (0..passes).map(|seed| {
        let mesh = Mesh { nodes, degree: degree_of, posts, warm_up, seed };
        // Which of them is first changes.
        let mut pair = [seed % 2 == 0, seed % 2 != 0].map(|lazy| (!lazy, mesh.run(lazy)));
        pair.sort_unstable_by_key(|(floods, _)| *floods);
        pair.map(|(_, measured)| measured)
    });
    let pairs: Vec<[MeshMeasured; 2]> = pairs.collect();
    let median = |of: &dyn Fn(&[MeshMeasured; 2]) -> f64| {
        benches::percentile(&mut pairs.iter().map(of).collect::<Vec<f64>>(), 0.5)
    };
    let report = |name: &str, of: &dyn Fn(&[MeshMeasured; 2]) -> f64| {
        benches::measured(&format!("lazy.mesh_d{degree}_{name}"), median(of));
    };
    report("bytes", &|[lazy, _]| lazy.bytes);
    report("flood_bytes", &|[_, flood]| flood.bytes);
    report("copies", &|[lazy, _]| lazy.copies);
    report("flood_copies", &|[_, flood]| flood.copies);
    report("ms", &|[lazy, _]| lazy.millis);
    report("flood_ms", &|[_, flood]| flood.millis);
    report("cpu_us", &|[lazy, _]| lazy.cpu_micros);
    report("flood_cpu_us", &|[_, flood]| flood.cpu_micros);
    report("time_ratio", &|[lazy, flood]| lazy.millis / flood.millis);
}

/// A network in which messages of this size, before their encryption, are posted.
fn case(degree: usize, size: usize, floods: bool) -> LazyCase {
    LazyCase { degree, size, floods, posts: POSTS, ..LazyCase::default() }
}

/// Simulates a network. Not measuring, a small one.
fn run(case: &LazyCase) -> LazyMeasured {
    let case = match benches::measuring() {
        true => *case,
        false => LazyCase { nodes: 12, degree: case.degree.min(6), posts: 3, warm_up: 3, ..*case },
    };
    let measured = sim::measure_lazy(&case).unwrap_or_else(|violation| panic!("{violation}"));
    assert_eq!((measured.missing, measured.faults), (0, 0), "{case}: {measured}");
    measured
}
