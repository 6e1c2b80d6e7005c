//! Runs every target over its committed corpus, without libFuzzer.

use std::{
    collections::BTreeSet,
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
};

use fuzz::TARGETS;

fn files(dir: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let entries = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.sort();
    files
}

#[test]
fn every_target_holds_on_its_corpus() {
    let mut failed = Vec::new();
    for (name, run) in TARGETS {
        let seeds = files(&format!("corpus/{name}"));
        assert!(!seeds.is_empty(), "corpus/{name} is empty");
        println!("{name}: {} inputs", seeds.len());
        for seed in seeds {
            let data = fs::read(&seed).unwrap();
            if catch_unwind(|| run(&data)).is_err() {
                failed.push(seed);
            }
        }
    }
    assert!(failed.is_empty(), "these inputs break a property: {failed:#?}");
}

#[test]
fn every_target_holds_on_short_inputs() {
    for (_, run) in TARGETS {
        run(&[]);
        for byte in [0x00, 0x01, 0x7f, 0x80, 0xb8, 0xc0, 0xf8, 0xff] {
            run(&[byte]);
            run(&[byte; 40]);
        }
    }
}

#[test]
fn functions_target_files_and_corpora_have_the_same_names() {
    let stem = |file: &PathBuf| file.file_stem().unwrap().to_string_lossy().into_owned();
    let targets: BTreeSet<String> = files("fuzz_targets").iter().map(stem).collect();
    let corpora: BTreeSet<String> = files("corpus").iter().map(stem).collect();
    let functions: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(targets, functions);
    assert_eq!(corpora, functions);
}
