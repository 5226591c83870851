//! What a pickle holds. Values refer to each other by number, so shared and circular ones cost nothing.

/// Number of a value.
pub type Id = u32;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating point number.
    Float(f64),
    /// A string.
    Str(&'a str),
    /// A tuple.
    Tuple(Vec<Id>),
    /// A list.
    List(Vec<Id>),
    /// A dictionary, in the order of the file.
    Dict(Vec<(Id, Id)>),
}

/// All values, and which one the pickle is.
#[derive(Debug)]
pub struct Pickle<'a> {
    pub(super) values: Vec<Value<'a>>,
    pub(super) root: Id,
    pub(super) length: usize,
}

impl<'a> Pickle<'a> {
    /// The value of that number.
    pub fn get(&self, id: Id) -> &Value<'a> {
        &self.values[id as usize]
    }

    /// The outermost value.
    pub fn root(&self) -> &Value<'a> {
        self.get(self.root)
    }

    /// How many bytes the pickle took.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The value of a string key of a dictionary; the last one if there are several.
    pub fn lookup(&self, dict: &Value<'a>, key: &str) -> Option<&Value<'a>> {
        let Value::Dict(items) = dict else { return None };
        let found = items.iter().rev().find(|(k, _)| matches!(self.get(*k), Value::Str(text) if *text == key));
        found.map(|&(_, value)| self.get(value))
    }
}

impl Value<'_> {
    /// The elements of a list or tuple.
    pub fn sequence(&self) -> Option<&[Id]> {
        match self {
            Self::List(items) | Self::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "a truth value",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Str(_) => "a string",
            Self::Tuple(_) => "a tuple",
            Self::List(_) => "a list",
            Self::Dict(_) => "a dictionary",
        }
    }
}
