//! The stack machine.

use std::collections::HashMap;

use super::value::{Id, Pickle, Value};
use super::{MAX_DEPTH, MAX_MEMO, MAX_STACK, MAX_STRING_BYTES, MAX_VALUES, PickleError, opcode};

type Step<T> = Result<T, PickleError>;

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the current opcode is.
    opcode_at: usize,
    values: Vec<Value<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack at each open mark.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

/// Reads the pickle at the beginning of the bytes.
///
/// # Errors
/// When an opcode is not plain data, the pickle is cut short or malformed, or a limit is exceeded.
pub fn load(bytes: &[u8]) -> Result<Pickle<'_>, PickleError> {
    let mut machine =
        Machine { bytes, at: 0, opcode_at: 0, values: vec![], stack: vec![], marks: vec![], memo: HashMap::new() };
    let root = machine.run()?;
    Ok(Pickle { values: machine.values, root, length: machine.at })
}

impl<'a> Machine<'a> {
    fn error(&self, expected: &'static str, found: impl Into<String>) -> PickleError {
        PickleError { expected, found: found.into(), position: self.opcode_at }
    }

    fn run(&mut self) -> Step<Id> {
        if self.bytes.first() != Some(&0x80) {
            return Err(self.error("a pickle of protocol 2 to 5", "another beginning"));
        }
        loop {
            self.opcode_at = self.at;
            let [code] = self.take()?;
            if code == b'.' {
                return self.finish();
            }
            self.step(code)?;
        }
    }

    fn finish(&mut self) -> Step<Id> {
        match (self.stack.as_slice(), self.marks.is_empty()) {
            (&[root], true) => Ok(root),
            _ => Err(self.error("one value at the end", format!("{} on the stack", self.stack.len()))),
        }
    }

    fn step(&mut self, code: u8) -> Step<()> {
        match code {
            0x80 => self.protocol(),
            // Frames say how much to read ahead, which a slice does not need.
            0x95 => self.take::<8>().map(|_| ()),
            b'(' => self.mark(),
            b'0' => self.pop().map(|_| ()),
            b'1' => self.pop_mark().map(|_| ()),
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'K' | b'M' | b'J' | 0x8a | b'G' => self.number(code),
            0x8c | b'X' | 0x8d => self.string(code),
            b')' | 0x85..=0x87 | b't' | b']' | b'}' => self.container(code),
            b'a' | b'e' | b's' | b'u' => self.fill(code),
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.memorize(code),
            _ => {
                Err(self
                    .error("only plain data (strings, numbers, lists, tuples, dictionaries)", opcode::refused(code)))
            }
        }
    }

    fn protocol(&mut self) -> Step<()> {
        match self.take()? {
            [2..=5] => Ok(()),
            [other] => Err(self.error("protocol 2 to 5", other.to_string())),
        }
    }

    fn number(&mut self, code: u8) -> Step<()> {
        let value = match code {
            b'K' => Value::Int(i64::from(self.take::<1>()?[0])),
            b'M' => Value::Int(i64::from(u16::from_le_bytes(self.take()?))),
            b'J' => Value::Int(i64::from(i32::from_le_bytes(self.take()?))),
            b'G' => Value::Float(f64::from_be_bytes(self.take()?)),
            _ => Value::Int(self.long()?),
        };
        self.push(value)
    }

    /// `LONG1`: a length, and as many bytes of two's complement, least significant first.
    fn long(&mut self) -> Step<i64> {
        let [length] = self.take()?;
        if length > 8 {
            return Err(self.error("a whole number of at most 8 bytes", format!("one of {length}")));
        }
        let digits = self.slice(usize::from(length))?;
        let is_negative = digits.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut bytes = if is_negative { [0xff; 8] } else { [0; 8] };
        bytes[..digits.len()].copy_from_slice(digits);
        Ok(i64::from_le_bytes(bytes))
    }

    fn string(&mut self, code: u8) -> Step<()> {
        let length = match code {
            0x8c => u64::from(self.take::<1>()?[0]),
            b'X' => u64::from(u32::from_le_bytes(self.take()?)),
            _ => u64::from_le_bytes(self.take()?),
        };
        if length > MAX_STRING_BYTES as u64 {
            return Err(self.error("a string of at most 1 MiB", format!("one of {length} bytes")));
        }
        let bytes = self.slice(length as usize)?;
        // Python writes lone surrogates too, which are no text.
        let text = std::str::from_utf8(bytes).map_err(|_| self.error("a string in UTF-8", "other bytes"))?;
        self.push(Value::Str(text))
    }

    fn container(&mut self, code: u8) -> Step<()> {
        let value = match code {
            b']' => Value::List(vec![]),
            b'}' => Value::Dict(vec![]),
            b')' => Value::Tuple(vec![]),
            b't' => Value::Tuple(self.pop_mark()?),
            _ => Value::Tuple(self.pop_last(usize::from(code - 0x84))?),
        };
        self.push(value)
    }

    fn fill(&mut self, code: u8) -> Step<()> {
        let items = match code {
            b'a' => self.pop_last(1)?,
            b's' => self.pop_last(2)?,
            _ => self.pop_mark()?,
        };
        let container = *self.stack.last().ok_or_else(|| self.error("a container", "an empty stack"))?;
        let value = &mut self.values[container as usize];
        match (code, value) {
            (b'a' | b'e', Value::List(list)) => list.extend(items),
            (b's' | b'u', Value::Dict(dict)) if items.len() % 2 == 0 => {
                dict.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
            }
            (_, value) => {
                let found = value.kind();
                return Err(self.error("a list for values, or a dictionary for pairs", found));
            }
        }
        Ok(())
    }

    fn memorize(&mut self, code: u8) -> Step<()> {
        let key = match code {
            b'q' | b'h' => u32::from(self.take::<1>()?[0]),
            b'r' | b'j' => u32::from_le_bytes(self.take()?),
            _ => self.memo.len() as u32,
        };
        if matches!(code, b'h' | b'j') {
            let id = *self.memo.get(&key).ok_or_else(|| self.error("a value of the memo", "a number without one"))?;
            return self.push_id(id);
        }
        let id = *self.stack.last().ok_or_else(|| self.error("a value to keep", "an empty stack"))?;
        if self.memo.len() >= MAX_MEMO {
            return Err(self.error("a smaller memo", format!("more than {MAX_MEMO} entries")));
        }
        self.memo.insert(key, id);
        Ok(())
    }

    fn mark(&mut self) -> Step<()> {
        if self.marks.len() >= MAX_DEPTH {
            return Err(self.error("fewer containers in each other", format!("more than {MAX_DEPTH}")));
        }
        self.marks.push(self.stack.len());
        Ok(())
    }

    fn push(&mut self, value: Value<'a>) -> Step<()> {
        if self.values.len() >= MAX_VALUES {
            return Err(self.error("a smaller pickle", format!("more than {MAX_VALUES} values")));
        }
        self.values.push(value);
        self.push_id((self.values.len() - 1) as Id)
    }

    fn push_id(&mut self, id: Id) -> Step<()> {
        if self.stack.len() >= MAX_STACK {
            return Err(self.error("a smaller stack", format!("more than {MAX_STACK} values")));
        }
        self.stack.push(id);
        Ok(())
    }

    /// The height of the stack below which the current container must not reach.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Step<Id> {
        self.pop_last(1).map(|popped| popped[0])
    }

    fn pop_last(&mut self, count: usize) -> Step<Vec<Id>> {
        match self.stack.len().checked_sub(count) {
            Some(rest) if rest >= self.floor() => Ok(self.stack.split_off(rest)),
            _ => Err(self.error("values on the stack", "too few")),
        }
    }

    fn pop_mark(&mut self) -> Step<Vec<Id>> {
        let height = self.marks.pop().ok_or_else(|| self.error("a mark on the stack", "none"))?;
        Ok(self.stack.split_off(height))
    }

    fn slice(&mut self, length: usize) -> Step<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let Some(taken) = rest.get(..length) else {
            return Err(self.error("more bytes", format!("the end after {} of {length}", rest.len())));
        };
        self.at += length;
        Ok(taken)
    }

    fn take<const N: usize>(&mut self) -> Step<[u8; N]> {
        self.slice(N).map(|bytes| bytes.try_into().expect("a slice of that length"))
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
