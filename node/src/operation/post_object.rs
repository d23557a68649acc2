//! Room: PostObject: an upload by an HTML form, whose fields come before its file and say who signed.
//!
//! Durable steps: those of PutObject, once the form has come to its end.
//! Must not: read more than the fields of whoever has not signed them.

use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;
use protocol::body::Intake;
use protocol::error::{ErrorCode, S3Error};
use protocol::limits::PUT_LEN_MAX;
use protocol::operation::post_object::{self, PostHead, PostObjectInput};
use protocol::post::{Fields, FormReader, Lengths, Policy};
use protocol::request::Head;
use protocol::sign::{self, SignedPolicy};

use super::ingest::Received;
use super::{Outcome, acl, failure, ingest, object_lock, put_object, subject};
use crate::exchange::{BodyError, BodySource, Trace};
use crate::limits::FORM_LINGER_LEN;
use crate::machine::Machine;
use crate::seam::{Clock, Local};

pub(super) async fn post(
    machine: &Rc<Machine>,
    head: &Head,
    body: &mut dyn BodySource,
    trace: &mut Trace,
) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(head)?;
    let mut form = Form::new(machine, body, &PostHead::parse(head)?);
    form.read_fields().await?;

    let fields = form.reader.fields();
    trace.key = Some(post_object::key(fields)?.as_str().to_owned());
    let lengths = authorise(machine, head, fields, trace)?;
    let input = PostObjectInput::parse(head, name, fields)?;
    let len_max = lengths.max.min(PUT_LEN_MAX);
    let intake = Intake::of_form(&input.head, input.checksum, len_max, form.len)?;
    let bucket = subject::bucket(machine, name, &input.put.common).await?;
    acl::check_headers(machine, &input.head, &bucket).await?;
    object_lock::check_bytes(machine, &bucket, &input.put.lock, intake.is_proven()).await?;

    let received = receive(machine, &mut form, intake, Lengths { max: len_max, ..lengths }).await?;
    let put = put_object::write(machine, &bucket, &input.key, (input.put, received)).await?;
    Ok(post_object::answer(put, head, (name, &input.key), &input.success).into())
}

/// Who signed the form, and what his policy says of it.
fn authorise(
    machine: &Machine,
    head: &Head,
    fields: &Fields,
    trace: &mut Trace,
) -> Result<Lengths, S3Error> {
    let region = &machine.settings.region;
    let signed = sign::authenticate_form(head, fields, region, &machine.keys)?;
    let SignedPolicy { access_key, policy } = signed;
    trace.access_key = Some(access_key.to_owned());
    let bucket = subject::bucket_name(head)?;
    Policy::parse(policy)?.check(bucket.as_str(), fields, machine.clock.now())
}

/// Stores the file, and holds it against what it may be.
async fn receive(
    machine: &Rc<Machine>,
    form: &mut Form<'_>,
    intake: Intake,
    lengths: Lengths,
) -> Result<Received, S3Error> {
    let received = ingest::store(machine, form, intake).await;
    match (received, form.fault.take()) {
        (Ok(received), _) if received.digests.len < lengths.min => {
            Err(S3Error::entity_too_small(received.digests.len, lengths.min))
        }
        (Ok(received), _) => Ok(received),
        (Err(_), Some(fault)) => Err(fault),
        (Err(error), None) if error.code == ErrorCode::EntityTooLarge => {
            Err(S3Error::entity_too_large(form.file_len().await, lengths.max))
        }
        (Err(error), None) => Err(error),
    }
}

/// A form as it comes in; as a body it is its file. Such a body ends where the form does.
struct Form<'a> {
    body: &'a mut dyn BodySource,
    reader: FormReader,
    clock: Rc<dyn Clock>,
    /// What has come and was not read yet.
    wire: Bytes,
    /// Bytes of the whole form.
    len: u64,
    /// Bytes of the file so far.
    file_len: u64,
    /// What has come of the file and was not taken yet; no more than came at once.
    ready: VecDeque<Bytes>,
    /// Why the file has no end.
    fault: Option<S3Error>,
}

impl<'a> Form<'a> {
    fn new(
        machine: &Machine,
        body: &'a mut dyn BodySource,
        PostHead { boundary, len }: &PostHead,
    ) -> Self {
        Self {
            body,
            reader: FormReader::new(boundary),
            clock: machine.clock.clone(),
            wire: Bytes::new(),
            len: *len,
            file_len: 0,
            ready: VecDeque::new(),
            fault: None,
        }
    }

    /// Reads up to where the file begins.
    async fn read_fields(&mut self) -> Result<(), S3Error> {
        while !self.reader.has_file() {
            if !self.read().await? {
                return Err(S3Error::malformed_form());
            }
        }
        Ok(())
    }

    /// Reads what comes next; whether anything came.
    async fn read(&mut self) -> Result<bool, S3Error> {
        if self.wire.is_empty() {
            let Some(wire) = self.body.next().await else {
                self.reader.finish()?;
                return Ok(false);
            };
            self.wire = wire.map_err(failure::body)?;
        } else {
            self.clock.pause().await;
        }
        let step_len = if self.reader.is_in_file() { FILE_STEP_LEN } else { FIELDS_STEP_LEN };
        let step = self.wire.split_to(self.wire.len().min(step_len));
        let Self { ready, file_len, .. } = self;
        self.reader.push(step, &mut |bytes| {
            *file_len += bytes.len() as u64;
            ready.push_back(bytes);
        })?;
        Ok(true)
    }

    /// How long a file is that is too long. What is left is counted for a while and not kept; of a file that goes on
    /// behind that, the length of the form tells enough.
    async fn file_len(&mut self) -> u64 {
        let end = self.file_len.saturating_add(FORM_LINGER_LEN);
        while self.file_len < end {
            self.ready.clear();
            match self.read().await {
                Ok(true) => {}
                Ok(false) => return self.file_len,
                Err(_) => break,
            }
        }
        self.len
    }
}

impl BodySource for Form<'_> {
    fn next(&mut self) -> Local<'_, Option<Result<Bytes, BodyError>>> {
        Box::pin(async move {
            loop {
                if let Some(bytes) = self.ready.pop_front() {
                    return Some(Ok(bytes));
                }
                match self.read().await {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(fault) => {
                        self.fault = Some(fault);
                        return Some(Err(BodyError::Disconnected));
                    }
                }
            }
        })
    }
}

/// Bytes of parts that are read before other tasks get a chance: each part may be no longer than its head.
const FIELDS_STEP_LEN: usize = 4 * 1024;

/// The same of a file, which is only looked through.
const FILE_STEP_LEN: usize = 64 * 1024;
