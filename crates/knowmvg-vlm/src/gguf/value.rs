use super::cursor::Cursor;
use super::error::GgufError;

/// Most elements of all arrays together: a large tokenizer has half a million.
const MAX_ELEMENTS: u64 = 1 << 23;
const STRING: u32 = 8;
const ARRAY: u32 = 9;

/// A value of the metadata.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number from 0 on.
    Unsigned(u64),
    /// A whole number.
    Signed(i64),
    /// A fraction.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// Text.
    String(String),
    /// Several of one kind.
    Array(Vec<Value>),
}

impl Value {
    /// Reads a type and a value of it; `elements` is how many elements of arrays may still come.
    pub(super) fn read(cursor: &mut Cursor, elements: &mut u64) -> Result<Self, GgufError> {
        match cursor.u32()? {
            ARRAY => Self::read_array(cursor, elements),
            kind => Self::read_single(cursor, kind),
        }
    }

    /// The budget of elements at the start of a file.
    pub(super) fn element_budget() -> u64 {
        MAX_ELEMENTS
    }

    fn read_array(cursor: &mut Cursor, elements: &mut u64) -> Result<Self, GgufError> {
        let kind = cursor.u32()?;
        let count = cursor.count("elements of arrays", *elements)?;
        *elements -= count;
        // Collected one by one: the file has to hold an element before room for it is made.
        let mut values = vec![];
        for _ in 0..count {
            values.push(Self::read_single(cursor, kind)?);
        }
        Ok(Self::Array(values))
    }

    fn read_single(cursor: &mut Cursor, kind: u32) -> Result<Self, GgufError> {
        Ok(match kind {
            0 => Self::Unsigned(u8::from_le_bytes(cursor.array()?).into()),
            1 => Self::Signed(i8::from_le_bytes(cursor.array()?).into()),
            2 => Self::Unsigned(u16::from_le_bytes(cursor.array()?).into()),
            3 => Self::Signed(i16::from_le_bytes(cursor.array()?).into()),
            4 => Self::Unsigned(cursor.u32()?.into()),
            5 => Self::Signed(i32::from_le_bytes(cursor.array()?).into()),
            6 => Self::Float(f32::from_le_bytes(cursor.array()?).into()),
            7 => Self::Bool(cursor.array::<1>()? != [0]),
            STRING => Self::String(cursor.string()?.to_owned()),
            10 => Self::Unsigned(cursor.u64()?),
            11 => Self::Signed(i64::from_le_bytes(cursor.array()?)),
            12 => Self::Float(f64::from_le_bytes(cursor.array()?)),
            other => {
                let at = cursor.position();
                return Err(GgufError::Format(format!("the value before byte {at} is of the unknown type {other}")));
            }
        })
    }

    /// A whole number from 0 on, however it is stored.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(*number),
            Self::Signed(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// Text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}
