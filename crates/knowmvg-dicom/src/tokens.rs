//! [`Tokens`]: the tokens of a data set, none of which is longer than the file.

use std::cell::Cell;
use std::io::Read;
use std::rc::Rc;

use dicom_core::header::{HasLength, Length};
use dicom_parser::dataset::DataToken;
use dicom_parser::dataset::read::{DataSetReader, DataSetReaderOptions, ValueReadStrategy};
use dicom_transfer_syntax_registry::entries;

use crate::error::Error;
use crate::file::Encoding;

/// Deepest nesting of sequences; real images stay below ten, reports below twenty.
pub(crate) const MAX_DEPTH: usize = 32;

/// A reader that tells how far it came.
struct Counting<'a> {
    rest: &'a [u8],
    read: Rc<Cell<u64>>,
}

impl Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.rest.read(buffer)?;
        self.read.set(self.read.get() + count as u64);
        Ok(count)
    }
}

/// The parser behind a check of every length: it would reserve the memory that a length asks for.
pub(crate) struct Tokens<'a> {
    reader: DataSetReader<dicom_parser::stateful::decode::DynStatefulDecoder<Counting<'a>>>,
    size: u64,
    offset: Rc<Cell<u64>>,
}

impl<'a> Tokens<'a> {
    pub fn new(dataset: &'a [u8], encoding: Encoding) -> Result<Self, Error> {
        let offset = Rc::new(Cell::new(0));
        let source = Counting { rest: dataset, read: Rc::clone(&offset) };
        let syntax = match encoding {
            Encoding::ImplicitLittle => entries::IMPLICIT_VR_LITTLE_ENDIAN.erased(),
            Encoding::ExplicitLittle => entries::EXPLICIT_VR_LITTLE_ENDIAN.erased(),
            Encoding::ExplicitBig => entries::EXPLICIT_VR_BIG_ENDIAN.erased(),
        };
        // Raw: text stays undecoded, and a malformed date or number elsewhere in the file is no reason to refuse it.
        let options = DataSetReaderOptions::default().value_read(ValueReadStrategy::Raw);
        let reader = DataSetReader::new_with_ts_options(source, &syntax, options)
            .map_err(|_| Error::Damaged { problem: "an unreadable start", offset: 0 })?;
        Ok(Self { reader, size: dataset.len() as u64, offset })
    }

    /// The next token; after an element's header comes its value.
    pub fn next(&mut self) -> Result<Option<DataToken>, Error> {
        let token = self.reader.next().transpose();
        // The parser's own message is left out: it may hold bytes of the file.
        let token = token.map_err(|_| self.damaged("an element that breaks off or contradicts itself"))?;
        match &token {
            Some(DataToken::ElementHeader(header)) => self.check_length(header.length())?,
            Some(DataToken::SequenceStart { len, .. } | DataToken::ItemStart { len }) if len.is_defined() => {
                self.check_length(*len)?;
            }
            _ => {}
        }
        Ok(token)
    }

    /// A value must lie in the file.
    pub fn check_length(&self, length: Length) -> Result<(), Error> {
        match length.get() {
            Some(length) if u64::from(length) <= self.size.saturating_sub(self.offset.get()) => Ok(()),
            _ => Err(self.damaged("a value that is longer than the file")),
        }
    }

    /// The place that was reached: behind the last header or value.
    pub fn offset(&self) -> u64 {
        self.offset.get()
    }

    /// An error at the place that was reached.
    pub fn damaged(&self, problem: &'static str) -> Error {
        Error::Damaged { problem, offset: self.offset.get() }
    }
}
