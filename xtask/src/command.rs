//! A command and its arguments.

use std::fmt;

/// One command of `cargo xtask`.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// Its arguments, as the list of commands shows them.
    pub(crate) usage: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&[String]) -> Result<(), Failure>,
}

/// The reason why a command failed, as a text for the person at the terminal.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The arguments of a command. Each method removes what it reads; what is left at the end is a mistake.
pub(crate) struct Args(Vec<String>);

impl Args {
    pub(crate) fn new(args: &[String]) -> Self {
        Self(args.to_vec())
    }

    /// Whether the switch `name` is given.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|arg| arg != name);
        self.0.len() < before
    }

    /// All values of the option `name`, which may be repeated.
    pub(crate) fn values(&mut self, name: &str) -> Result<Vec<String>, Failure> {
        let mut values = Vec::new();
        while let Some(at) = self.0.iter().position(|arg| arg == name) {
            self.0.remove(at);
            if at == self.0.len() {
                return Err(Failure::new(format!("{name} needs a value")));
            }
            values.push(self.0.remove(at));
        }
        Ok(values)
    }

    /// The number of the option `name`, or `default`. The last one counts.
    pub(crate) fn number(&mut self, name: &str, default: u32) -> Result<u32, Failure> {
        let Some(value) = self.values(name)?.pop() else { return Ok(default) };
        value.parse().map_err(|_| Failure::new(format!("{name} needs a number, not `{value}`")))
    }

    /// The other arguments: at most `limit`. An unknown option is an error.
    pub(crate) fn rest(self, limit: usize) -> Result<Vec<String>, Failure> {
        let unknown = self.0.iter().find(|arg| arg.starts_with('-'));
        match unknown.or_else(|| self.0.get(limit)) {
            Some(arg) => Err(Failure::new(format!("unexpected argument `{arg}` (see --help)"))),
            None => Ok(self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Args;

    fn args(text: &str) -> Args {
        Args(text.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn options_are_read_at_any_position() {
        let mut args = args("--json rlpx --only a --passes 7 --only b");
        assert!(args.flag("--json"));
        assert!(!args.flag("--json"));
        assert_eq!(args.values("--only").unwrap(), ["a", "b"]);
        assert_eq!(args.number("--passes", 5).unwrap(), 7);
        assert_eq!(args.number("--seconds", 60).unwrap(), 60);
        assert_eq!(args.rest(1).unwrap(), ["rlpx"]);
    }

    #[test]
    fn mistakes_are_named() {
        assert!(args("--only").values("--only").unwrap_err().to_string().contains("needs a value"));
        assert!(args("--passes x").number("--passes", 5).unwrap_err().to_string().contains("`x`"));
        assert!(args("--jsn").rest(1).unwrap_err().to_string().contains("--jsn"));
        assert!(args("rlp rlpx").rest(1).unwrap_err().to_string().contains("rlpx"));
    }
}
