//! The arguments of a call, by position.

use jsonrpsee::types::Params;
use schemars::JsonSchema;
use serde_json::value::RawValue;

use crate::call::error::CallError;
use crate::call::json::{FromJson, is_null};
use crate::declare::signature::Param;

/// The arguments of a call, read from the first to the last.
///
/// Missing parameters, `null` and `[]` all mean "no arguments". Any other value that is not a list is an error.
pub(crate) struct Arguments<'a> {
    items: Vec<&'a RawValue>,
    next: usize,
}

impl<'a> Arguments<'a> {
    /// Splits the parameters into arguments. More than `at_most` arguments are an error.
    pub(crate) fn of(params: &'a Params<'_>, at_most: usize) -> Result<Self, CallError> {
        Self::parse(params.as_str(), at_most)
    }

    /// Like [`Self::of`], from the text of the parameters.
    pub(crate) fn parse(text: Option<&'a str>, at_most: usize) -> Result<Self, CallError> {
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

    /// Reads the next argument. It is an error if it is missing or null.
    pub(crate) fn required<T: FromJson>(&mut self) -> Result<T, CallError> {
        let index = self.next;
        self.next += 1;
        match self.items.get(index) {
            Some(json) if !is_null(json) => {
                T::from_json(json).map_err(|error| CallError::Argument { index, error })
            }
            _ => Err(CallError::MissingArgument { index }),
        }
    }

    /// Reads the next argument. `None` if it is missing or null.
    pub(crate) fn optional<T: FromJson>(&mut self) -> Result<Option<T>, CallError> {
        let index = self.next;
        self.next += 1;
        match self.items.get(index) {
            Some(json) if !is_null(json) => {
                T::from_json(json).map(Some).map_err(|error| CallError::Argument { index, error })
            }
            _ => Ok(None),
        }
    }
}

/// The arguments of one method: a tuple of their types.
pub(crate) trait Args: Sized + Send + 'static {
    /// Maximum number of arguments.
    const COUNT: usize;
    /// The names of the arguments, for the OpenRPC document.
    type Names;

    /// Reads all remaining arguments.
    fn next(arguments: &mut Arguments<'_>) -> Result<Self, CallError>;

    /// Describes the arguments.
    fn params(names: Self::Names) -> Vec<Param>;

    /// Reads the arguments from the parameters of a call.
    fn read(params: &Params<'_>) -> Result<Self, CallError> {
        Self::next(&mut Arguments::of(params, Self::COUNT)?)
    }
}

/// One argument.
pub(crate) trait Arg: Sized + Send + 'static {
    /// Reads the argument.
    fn next(arguments: &mut Arguments<'_>) -> Result<Self, CallError>;

    /// Describes the argument.
    fn param(name: &'static str) -> Param;
}

impl<T: FromJson + JsonSchema + Send + 'static> Arg for T {
    fn next(arguments: &mut Arguments<'_>) -> Result<Self, CallError> {
        arguments.required()
    }

    fn param(name: &'static str) -> Param {
        Param { name, required: true, schema: |schemas| schemas.subschema_for::<T>() }
    }
}

impl<T: FromJson + JsonSchema + Send + 'static> Arg for Option<T> {
    fn next(arguments: &mut Arguments<'_>) -> Result<Self, CallError> {
        arguments.optional()
    }

    fn param(name: &'static str) -> Param {
        Param { name, required: false, schema: |schemas| schemas.subschema_for::<T>() }
    }
}

/// Without parameters, all arguments are ignored, as in go-ethereum.
impl Args for () {
    const COUNT: usize = 0;
    type Names = [&'static str; 0];

    fn next(_: &mut Arguments<'_>) -> Result<Self, CallError> {
        Ok(())
    }

    fn params([]: Self::Names) -> Vec<Param> {
        Vec::new()
    }

    fn read(_: &Params<'_>) -> Result<Self, CallError> {
        Ok(())
    }
}

/// Implements [`Args`] for a tuple of a given length.
macro_rules! args {
    ($count:literal: $($Arg:ident $name:ident),+) => {
        impl<$($Arg: Arg),+> Args for ($($Arg,)+) {
            const COUNT: usize = $count;
            type Names = [&'static str; $count];

            fn next(arguments: &mut Arguments<'_>) -> Result<Self, CallError> {
                Ok(($($Arg::next(arguments)?,)+))
            }

            fn params([$($name),+]: Self::Names) -> Vec<Param> {
                vec![$($Arg::param($name)),+]
            }
        }
    };
}

args!(1: A a);
args!(2: A a, B b);
args!(3: A a, B b, C c);
args!(4: A a, B b, C c, D d);
args!(5: A a, B b, C c, D d, E e);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_null_and_empty_parameters_mean_no_arguments() {
        for text in [None, Some("null"), Some("[]"), Some("[null]")] {
            let error = Arguments::parse(text, 1).unwrap().required::<String>().unwrap_err();
            assert_eq!(error.to_string(), "missing value for required argument 0");
        }
    }

    #[test]
    fn arguments_must_be_a_list() {
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
    fn an_invalid_argument_is_named_by_its_index() {
        let mut arguments = Arguments::parse(Some("[\"a\", 5]"), 2).unwrap();
        assert_eq!(arguments.required::<String>().unwrap(), "a");
        let error = arguments.required::<String>().unwrap_err();
        assert_eq!(error.to_string(), "invalid argument 1: want a string, got a number");
    }
}
