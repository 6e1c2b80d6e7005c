//! The words of a command line, one after the other.

use std::{fmt, slice, str::FromStr};

/// The words of a command line: options with or without a value, and names.
pub(crate) struct Options<'a> {
    rest: slice::Iter<'a, String>,
    /// The option that was read last.
    option: &'a str,
}

impl<'a> Options<'a> {
    pub(crate) fn new(args: &'a [String]) -> Self {
        Self { rest: args.iter(), option: "" }
    }

    /// The next option or name.
    pub(crate) fn next_option(&mut self) -> Option<&'a str> {
        self.option = self.rest.next()?;
        Some(self.option)
    }

    /// The value of the option.
    ///
    /// # Errors
    ///
    /// There is none. As all errors here, it names the option.
    pub(crate) fn value(&mut self) -> Result<&'a str, String> {
        let value = self.rest.next().ok_or_else(|| format!("{} needs a value", self.option))?;
        Ok(value)
    }

    /// The value of the option, a whole number.
    ///
    /// # Errors
    ///
    /// There is none, or it is no number of this type.
    pub(crate) fn number<T: FromStr>(&mut self) -> Result<T, String> {
        let (option, text) = (self.option, self.value()?);
        text.parse().map_err(|_| format!("{option} needs a number, not `{text}`"))
    }

    /// The value of the option, a number that is not less than this one.
    ///
    /// # Errors
    ///
    /// There is none, or it is no such number.
    pub(crate) fn at_least<T: FromStr + PartialOrd + fmt::Display + Copy>(
        &mut self,
        least: T,
    ) -> Result<T, String> {
        let number = self.number()?;
        if number < least {
            return Err(format!("{} needs at least {least}", self.option));
        }
        Ok(number)
    }

    /// The value of the option, a share from 0 to 1.
    ///
    /// # Errors
    ///
    /// There is none, or it is no share.
    pub(crate) fn share(&mut self) -> Result<f64, String> {
        let (option, text) = (self.option, self.value()?);
        let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        share.ok_or_else(|| format!("{option} needs a share from 0 to 1, not `{text}`"))
    }

    /// The error that there is no such option.
    pub(crate) fn unexpected<T>(&self) -> Result<T, String> {
        Err(format!("unexpected argument `{}`", self.option))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(
        args: &str,
        read: impl FnOnce(&mut Options<'_>) -> Result<T, String>,
    ) -> Result<T, String> {
        let args: Vec<String> = args.split_whitespace().map(str::to_owned).collect();
        let mut options = Options::new(&args);
        options.next_option().map_or_else(|| Err("nothing".to_owned()), |_| read(&mut options))
    }

    #[test]
    fn a_value_that_makes_no_sense_is_refused_with_the_name_of_its_option() {
        assert_eq!(read("--size 7", |it| it.number::<u8>()), Ok(7));
        assert_eq!(read("--liars 0.3", |it| it.share()), Ok(0.3));
        assert_eq!(read("--nodes 2", |it| it.at_least(2)), Ok(2));
        let number = read("--size 300", |it| it.number::<u8>());
        assert_eq!(number.unwrap_err(), "--size needs a number, not `300`");
        let none = read("--size", |it| it.number::<u8>());
        assert_eq!(none.unwrap_err(), "--size needs a value");
        for share in ["2", "-0.1", "NaN", "x"] {
            let refused = read(&format!("--liars {share}"), |it| it.share());
            let text = format!("--liars needs a share from 0 to 1, not `{share}`");
            assert_eq!(refused.unwrap_err(), text);
        }
        let few = read("--nodes 1", |it| it.at_least(2));
        assert_eq!(few.unwrap_err(), "--nodes needs at least 2");
        let what = read("--what", |it| it.unexpected::<()>());
        assert_eq!(what.unwrap_err(), "unexpected argument `--what`");
    }
}
