//! The settings in the environment.

use super::check;
use super::given::{Given, Source};
use super::problem::Problem;
use super::settings::{Settings, VARIABLE_PREFIX};

/// The settings among these variables, and the variables that look like one and are none. Those are no errors, because
/// container systems set variables with the name of a service in front.
pub(super) fn given(
    settings: &Settings,
    variables: &[(String, String)],
    problems: &mut Vec<Problem>,
) -> (Vec<Given>, Vec<Problem>) {
    let (mut given, mut unknown) = (Vec::new(), Vec::new());
    for (name, value) in variables.iter().filter(|(name, _)| name.starts_with(VARIABLE_PREFIX)) {
        let source = Source::Variable(name.clone());
        match settings.by_variable(name) {
            Some(setting) => {
                problems.extend(check::value(settings, setting, value, &source));
                given.push(setting.given(vec![value.clone()], source));
            }
            None => {
                let known = settings.iter().map(|setting| setting.variable.as_str());
                unknown.push(check::unknown(source, name, known));
            }
        }
    }
    (given, unknown)
}
