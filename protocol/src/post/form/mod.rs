//! Room: a form on its way in: its fields, then its file.
//! Must not: buffer the file. Its bytes are handed out as they come; they are worth nothing until `finish` has said yes.
//! Invariants: once the file has begun, the fields are all there are; what comes behind it is looked at only for another
//! file.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::part::{PartHead, PartHeadReader};
use super::scan::{Delimiter, Scanner};
use super::{Boundary, FIELDS_LEN_MAX, Fields};
use crate::error::S3Error;

/// Reads a form.
pub struct FormReader {
    scanner: Scanner,
    state: State,
    fields: Fields,
    /// What fields may still have, in bytes.
    room: usize,
    /// The file has begun.
    has_file: bool,
}

enum State {
    /// Before the first part.
    Preamble,
    Head(PartHeadReader),
    Field {
        name: String,
        value: Vec<u8>,
    },
    File,
    /// A part behind the file.
    Ignored,
    /// Behind the last part.
    Ended,
}

impl FormReader {
    /// At the beginning of a body with that boundary.
    #[must_use]
    pub fn new(boundary: &Boundary) -> Self {
        Self {
            scanner: Scanner::new(boundary),
            state: State::Preamble,
            fields: Fields::default(),
            room: FIELDS_LEN_MAX,
            has_file: false,
        }
    }

    /// Whether the file has begun: the fields are complete.
    #[must_use]
    pub fn has_file(&self) -> bool {
        self.has_file
    }

    /// Whether what comes next belongs to the file, as far as is known.
    #[must_use]
    pub fn is_in_file(&self) -> bool {
        matches!(self.state, State::File)
    }

    /// The fields so far.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Takes wire bytes, and hands those of the file to `file`. After an error the form is good for nothing.
    ///
    /// # Errors
    /// `MalformedPOSTRequest`; `MaxPostPreDataLengthExceeded`; `InvalidArgument` at the end of a form without a file, and
    /// at a second file.
    pub fn push(&mut self, mut wire: Bytes, file: &mut dyn FnMut(Bytes)) -> Result<(), S3Error> {
        while !wire.is_empty() {
            let found = match &mut self.state {
                State::Head(reader) => {
                    if let Some(head) = reader.read(&mut wire)? {
                        self.begin(head)?;
                    }
                    continue;
                }
                // S3 passes over what comes behind a form.
                State::Ended => return Ok(()),
                State::Preamble => {
                    let room = &mut self.room;
                    let found = self.scanner.scan(&mut wire, &mut |bytes| {
                        *room = room.saturating_sub(bytes.len());
                    });
                    if self.room == 0 {
                        return Err(S3Error::form_fields_too_long());
                    }
                    found
                }
                State::Field { value, .. } => {
                    let room = self.room;
                    let found = self.scanner.scan(&mut wire, &mut |bytes| {
                        // One byte too many is enough to know.
                        let taken = bytes.len().min((room + 1).saturating_sub(value.len()));
                        value.extend_from_slice(&bytes[..taken]);
                    });
                    if value.len() > room {
                        return Err(S3Error::form_fields_too_long());
                    }
                    found
                }
                State::File => self.scanner.scan(&mut wire, file),
                State::Ignored => self.scanner.scan(&mut wire, &mut |_| {}),
            };
            if let Some(delimiter) = found {
                self.end_part(delimiter)?;
            }
        }
        Ok(())
    }

    /// At the end of the wire body.
    ///
    /// # Errors
    /// `MalformedPOSTRequest` if the form has not come to its end.
    pub fn finish(&self) -> Result<(), S3Error> {
        match self.state {
            State::Ended => Ok(()),
            State::Preamble
            | State::Head(_)
            | State::Field { .. }
            | State::File
            | State::Ignored => Err(S3Error::malformed_form()),
        }
    }

    fn begin(&mut self, head: PartHead) -> Result<(), S3Error> {
        let is_file = head.name.eq_ignore_ascii_case("file");
        self.state = match (is_file, self.has_file) {
            (true, true) => return Err(S3Error::not_one_file(2)),
            (true, false) => {
                if let Some(name) = &head.filename {
                    self.fields.expand(name)?;
                }
                self.has_file = true;
                State::File
            }
            (false, true) => State::Ignored,
            (false, false) => {
                let room = self.room.checked_sub(head.name.len());
                self.room = room.ok_or_else(S3Error::form_fields_too_long)?;
                State::Field { name: head.name, value: Vec::new() }
            }
        };
        Ok(())
    }

    fn end_part(&mut self, delimiter: Delimiter) -> Result<(), S3Error> {
        let next = match delimiter {
            Delimiter::Part => State::Head(PartHeadReader::default()),
            Delimiter::End => State::Ended,
        };
        if let State::Field { name, value } = core::mem::replace(&mut self.state, next) {
            let value = String::from_utf8(value).map_err(|_not_utf8| S3Error::malformed_form())?;
            self.room -= value.len();
            self.fields.insert(&name, &value);
        }
        if delimiter == Delimiter::End && !self.has_file {
            return Err(S3Error::not_one_file(0));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
