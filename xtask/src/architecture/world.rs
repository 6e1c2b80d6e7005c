//! Code below the program gets time, randomness, tasks, sockets and files from `p2p-world`, so that a network can be
//! simulated in one thread and repeats itself.
//!
//! A `JoinSet` is no exception: its tasks end with the task that holds it. Not seen are tasks that a method starts
//! (`TaskTracker::spawn`), `elapsed()` of a time that was got elsewhere, and names that `use …::*` brings in.

mod allowed;
#[cfg(test)]
mod tests;
mod uses;

use std::collections::BTreeSet;

use super::{modules::Modules, tree::Tree, violation::Violation};
use allowed::ALLOWED;
use uses::{Named, RANDOM_SELECT, named};

/// The program, the crate that code gets all this from, and the simulation, which makes worlds.
const EXEMPT: &[&str] = &["whisper-node", "p2p-world", "p2p-sim"];

/// Something that comes from the operating system, and what to use.
struct Outside {
    /// A path is outside if it is one of these, or is in one of these. A `*` at the end stands for any end of a name.
    paths: &'static [&'static str],
    instead: &'static str,
}

const OUTSIDE: &[Outside] = &[
    Outside { paths: &["std::time::SystemTime::now"], instead: "use `World::unix_time`" },
    Outside {
        paths: &["std::time::Instant::now"],
        instead: "use `tokio::time::Instant::now().into_std()`, or get it as a parameter",
    },
    Outside {
        paths: &[
            "rand::rng",
            "rand::random*",
            "rand::thread_rng",
            "rand::rngs::OsRng",
            "rand::rngs::ThreadRng",
            "rand_core::OsRng",
            "getrandom",
        ],
        instead: "use `p2p_world::rng`, or get it as a parameter",
    },
    Outside {
        paths: &[
            "std::collections::HashMap",
            "std::collections::HashSet",
            "std::collections::hash_map::HashMap",
            "std::collections::hash_map::RandomState",
            "std::collections::hash_set::HashSet",
            "std::hash::RandomState",
            "hashbrown::HashMap",
            "hashbrown::HashSet",
        ],
        instead: "use `HashMap`, `HashSet` and `HashState` of p2p-world",
    },
    Outside {
        paths: &["tokio::spawn", "tokio::task::spawn*", "tokio::task::block_in_place"],
        instead: "use `World::spawn` or `World::run_blocking`",
    },
    Outside { paths: &["std::thread"], instead: "use a task, or `World::run_blocking`" },
    Outside {
        paths: &[
            "tokio::net",
            "std::net::TcpListener",
            "std::net::TcpStream",
            "std::net::ToSocketAddrs",
            "std::net::UdpSocket",
            "std::os::unix::net",
        ],
        instead: "use `connect`, `listen`, `bind` and `resolve` of `World`",
    },
    Outside { paths: &["std::fs", "tokio::fs"], instead: "use `World::open_file`" },
    Outside {
        paths: &[RANDOM_SELECT],
        instead: "order the branches so that none starves, or use `p2p_world::race`",
    },
];

/// Everything outside that a crate below the program names without leave, and leave that is not needed.
pub(super) fn violations(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut needed = BTreeSet::new();
    for (file, syntax) in production_files(tree) {
        for Named { line, path } in named(syntax) {
            let Some(outside) = OUTSIDE.iter().find(|outside| outside.has(&path)) else { continue };
            match ALLOWED.iter().position(|allowed| allowed.covers(file, &path)) {
                Some(leave) => _ = needed.insert(leave),
                None => violations.push(Violation::new(
                    format!("{file}:{line}"),
                    format!("`{path}` is outside of the world of p2p-world"),
                    outside.instead,
                )),
            }
        }
    }
    let unneeded = ALLOWED.iter().enumerate().filter(|(index, allowed)| {
        !needed.contains(index) && tree.has(allowed.place.trim_end_matches('*'))
    });
    violations.extend(unneeded.map(|(_, allowed)| {
        let place = allowed.place;
        Violation::new(place, "is allowed what it does not use", "remove it from world/allowed.rs")
    }));
    violations
}

/// The files of the crates below the program, without modules for tests.
fn production_files(tree: &Tree) -> impl Iterator<Item = (&str, &syn::File)> {
    let is_checked = |file: &str| {
        let mut parts = file.split('/');
        let (folder, name) = (parts.next(), parts.next().unwrap_or_default());
        folder == Some("crates") && !EXEMPT.contains(&name)
    };
    let files: BTreeSet<&str> = Modules::crates(tree).iter().flat_map(Modules::files).collect();
    let files = files.into_iter().filter(move |file| is_checked(file));
    files.filter_map(|file| Some((file, tree.get(file)?.syntax.as_ref()?)))
}

impl Outside {
    fn has(&self, path: &str) -> bool {
        self.paths.iter().any(|outside| is_in(path, outside))
    }
}

/// Whether a path is `place` or is in it.
fn is_in(path: &str, place: &str) -> bool {
    match place.strip_suffix('*') {
        Some(begin) => path.starts_with(begin),
        None => {
            path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        }
    }
}
