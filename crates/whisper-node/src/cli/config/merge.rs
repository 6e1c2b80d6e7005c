//! Takes the strongest source of each setting.

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::given::{Given, Source};
use super::settings::Settings;

/// The settings on a command line that was parsed.
pub(super) fn on_command_line(settings: &Settings, matches: &ArgMatches) -> Vec<Given> {
    let on_line = settings
        .iter()
        .filter(|setting| matches.value_source(setting.id()) == Some(ValueSource::CommandLine));
    on_line
        .map(|setting| {
            let occurrences = matches.get_raw_occurrences(setting.id()).into_iter().flatten();
            // A switch without a value is on.
            let values = occurrences.map(|mut raw| {
                raw.next().map_or("true".into(), |value| value.to_string_lossy().into_owned())
            });
            setting.given(values.collect(), Source::CommandLine)
        })
        .collect()
}

/// The strongest source of each setting. `sources` begins with the strongest. A setting that excludes another one of a
/// stronger source is left out, for example a key in the file if the command line names a file with a key.
pub(super) fn strongest<const N: usize>(
    settings: &Settings,
    sources: [Vec<Given>; N],
) -> Vec<Given> {
    let mut all: Vec<Given> = Vec::new();
    for source in sources {
        let stronger = all.clone();
        let is_new = |given: &Given| {
            let replaces =
                |one: &Given| one.key == given.key || settings.conflict(&one.key, &given.key);
            !stronger.iter().any(replaces)
        };
        all.extend(source.into_iter().filter(is_new));
    }
    all
}
