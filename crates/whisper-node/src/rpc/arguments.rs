//! The arguments of a call, by position.

use jsonrpsee::types::Params;
use serde_json::value::RawValue;

use super::error::CallError;
use super::json::{FromJson, is_null};

/// The list of a call's arguments, read from the front.
///
/// Missing parameters, `null` and `[]` are all "no arguments"; anything else that is not a list is refused.
pub(super) struct Arguments<'a> {
    items: Vec<&'a RawValue>,
    next: usize,
}

impl<'a> Arguments<'a> {
    /// Splits the parameters; more than `at_most` of them are an error.
    pub(super) fn of(params: &'a Params<'_>, at_most: usize) -> Result<Self, CallError> {
        Self::parse(params.as_str(), at_most)
    }

    /// As [`Self::of`], from the text of the parameters.
    pub(super) fn parse(text: Option<&'a str>, at_most: usize) -> Result<Self, CallError> {
        let items = match text {
            None | Some("null") => Vec::new(),
            Some(list) if list.starts_with('[') => {
                serde_json::from_str::<Vec<&RawValue>>(list).map_err(|_| CallError::NotAList)?
            }
            Some(_) => return Err(CallError::NotAList),
        };
        if items.len() > at_most {
            return Err(CallError::TooManyArguments { at_most });
        }
        Ok(Self { items, next: 0 })
    }

    /// The next argument, which may not be missing.
    pub(super) fn required<T: FromJson>(&mut self) -> Result<T, CallError> {
        let index = self.next;
        self.next += 1;
        match self.items.get(index) {
            Some(json) if !is_null(json) => {
                T::from_json(json).map_err(|unfit| CallError::Argument { index, unfit })
            }
            _ => Err(CallError::MissingArgument { index }),
        }
    }

    /// The next argument, which may be missing or null.
    pub(super) fn optional<T: FromJson>(&mut self) -> Result<Option<T>, CallError> {
        let index = self.next;
        self.next += 1;
        match self.items.get(index) {
            Some(json) if !is_null(json) => {
                T::from_json(json).map(Some).map_err(|unfit| CallError::Argument { index, unfit })
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_null_and_empty_parameters_are_the_same() {
        for text in [None, Some("null"), Some("[]"), Some("[null]")] {
            let error = Arguments::parse(text, 1).unwrap().required::<String>().unwrap_err();
            assert_eq!(error.to_string(), "missing value for required argument 0");
        }
    }

    #[test]
    fn only_a_list_holds_arguments() {
        for text in ["{}", "\"x\"", "5", "true"] {
            let error = Arguments::parse(Some(text), 1).err().unwrap();
            assert_eq!(error.to_string(), "non-array args");
        }
    }

    #[test]
    fn surplus_arguments_are_refused() {
        let error = Arguments::parse(Some("[1, 2, 3]"), 2).err().unwrap();
        assert_eq!(error.to_string(), "too many arguments, want at most 2");
    }

    #[test]
    fn an_unfit_argument_is_found_by_its_index() {
        let mut arguments = Arguments::parse(Some("[\"a\", 5]"), 2).unwrap();
        assert_eq!(arguments.required::<String>().unwrap(), "a");
        let error = arguments.required::<String>().unwrap_err();
        assert_eq!(error.to_string(), "invalid argument 1: want a string, got a number");
    }
}
