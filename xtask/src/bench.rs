//! Benchmarks: several passes over all of them, and one line of results for each case.
//!
//! The speed of a machine changes during a measurement. Therefore all benchmarks of the chosen layers run once before
//! the next pass begins, and a ratio is taken between two benchmarks of the same pass.

mod cases;
mod passes;
mod report;

use crate::{
    command::{Args, Command, Failure},
    workspace::Workspace,
};
use cases::{CASES, Case};
use report::Summary;

pub(crate) const COMMAND: Command = Command {
    name: "bench",
    usage: "[LAYER] [--json] [--passes N]",
    about: "run the benchmarks of one layer, or all, in N interleaved passes (default and minimum 5; one\n\
            for `sim`, `lazy` and the archives, which take up to an hour);\n\
            prints a table, or with --json one object for each case",
    run,
};

/// Minimum number of passes: fewer do not show the spread.
const MIN_PASSES: u32 = 5;

fn run(args: &[String]) -> Result<(), Failure> {
    let mut args = Args::new(args);
    let json = args.flag("--json");
    let passes = args.number("--passes", MIN_PASSES)?;
    let wanted = args.rest(1)?;
    if passes < MIN_PASSES {
        return Err(Failure::new(format!("--passes must be at least {MIN_PASSES}, not {passes}")));
    }
    let workspace = Workspace::read()?;
    let layers = layers(wanted.first().map(String::as_str))?;
    let samples = passes::run(&workspace, &layers, passes)?;
    let chosen = CASES.iter().filter(|case| layers.contains(&case.layer()));
    let skipped = |case: &Case| samples.iter().find_map(|pass| pass.skipped(case.name));
    let (unmeasured, measured): (Vec<_>, Vec<_>) = chosen.partition(|case| skipped(case).is_some());
    for case in unmeasured {
        eprintln!("skipped {}: {}", case.name, skipped(case).unwrap_or_default());
    }
    let summaries = measured.into_iter().map(|case| summarise(case, &samples));
    let summaries = summaries.collect::<Result<Vec<_>, _>>()?;
    print!("{}", if json { report::json(&summaries) } else { report::table(&summaries) });
    Ok(())
}

/// The layer called `wanted`, or all layers in the order of the cases.
fn layers(wanted: Option<&str>) -> Result<Vec<&'static str>, Failure> {
    let mut layers: Vec<&'static str> = CASES.iter().map(Case::layer).collect();
    layers.dedup();
    let Some(wanted) = wanted else { return Ok(layers) };
    if !layers.contains(&wanted) {
        return Err(Failure::new(format!(
            "there is no layer `{wanted}`; the layers are: {}",
            layers.join(", ")
        )));
    }
    layers.retain(|layer| *layer == wanted);
    Ok(layers)
}

fn summarise(case: &Case, samples: &[passes::Pass]) -> Result<Summary, Failure> {
    let passes = if case.is_heavy() { 1 } else { samples.len() };
    let values =
        samples[..passes].iter().map(|pass| case.value(pass)).collect::<Result<Vec<_>, _>>()?;
    Summary::new(case.name, case.unit, values)
}

#[cfg(test)]
mod tests {
    use super::{CASES, layers};
    use crate::workspace::Workspace;

    #[test]
    fn every_layer_is_a_benchmark_and_every_benchmark_a_layer() {
        let mut layers = layers(None).unwrap();
        layers.sort_unstable();
        let mut benches = Workspace::read().unwrap().package("benches").unwrap().benches.clone();
        benches.sort_unstable();
        assert_eq!(
            layers, benches,
            "the cases of a layer stand together, and each layer has a file in benches/"
        );
    }

    #[test]
    fn case_names_are_unique() {
        for (index, case) in CASES.iter().enumerate() {
            assert!(
                CASES[..index].iter().all(|other| other.name != case.name),
                "{} is there twice",
                case.name
            );
        }
    }

    #[test]
    fn a_layer_is_chosen_by_name() {
        assert_eq!(layers(Some("rlpx")).unwrap(), ["rlpx"]);
        assert!(layers(Some("rlpxx")).unwrap_err().to_string().contains("rlpx"));
    }
}
