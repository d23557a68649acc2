//! Room: what a run did, as one number that tells two runs apart, and as lines for whoever looks at a failure.

use std::collections::BTreeMap;

use tenon_tests::random::mix;

use crate::client::Answered;
use crate::oracle::Action;

/// What a step was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Start,
    Task,
    Stall,
    Commit,
    Flush,
    Read,
    Unseen,
    Time,
    Request,
    Departure,
    Failed,
    Crash,
}

/// Whether what happened is that an object was made of several parts.
pub(crate) fn is_of_several_parts(thing: &str) -> bool {
    let count = thing.strip_prefix("completed of ").and_then(|rest| rest.split(' ').next());
    count.and_then(|count| count.parse().ok()).is_some_and(|count: u64| count > 1)
}

/// The trace of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    hash: u64,
    /// Only where somebody wants to read them.
    lines: Option<Vec<String>>,
    seen: Seen,
}

/// How often what happened: what was asked, what came of it, which way copies went.
pub(crate) type Seen = BTreeMap<String, u64>;

impl Trace {
    /// A trace that keeps its lines.
    pub(crate) fn with_lines() -> Self {
        Self { lines: Some(Vec::new()), ..Self::default() }
    }

    /// The number that the run comes to.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// The lines that were kept.
    pub(crate) fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }

    /// What happened how often.
    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Something happened that is to be counted.
    pub(crate) fn note(&mut self, what: impl Into<String>) {
        *self.seen.entry(what.into()).or_default() += 1;
    }

    /// A step was made.
    pub(crate) fn step(&mut self, step: u64, kind: Kind, which: u64) {
        self.hash = mix(self.hash ^ mix(step ^ ((kind as u64) << 56)) ^ which);
        let quiet =
            matches!(kind, Kind::Flush | Kind::Read | Kind::Commit | Kind::Unseen) && which == 0;
        if let Some(lines) = self.lines.as_mut().filter(|_| !quiet) {
            lines.push(format!("{step:6} {kind:?} {which}"));
        }
    }

    /// A request was sent.
    pub(crate) fn request(&mut self, step: u64, action: &Action) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{step:6} -> {action:?}"));
        }
    }

    /// An answer came.
    pub(crate) fn answer(&mut self, step: u64, task: u64, action: &Action, answer: &Answered) {
        let name = format!("{action:?}");
        let name = name.split(' ').next().unwrap_or_default();
        self.note(
            format!("{name} {} {}", answer.status, answer.code.unwrap_or_default()).trim_end(),
        );
        if let Some(way) = answer.header("x-tenon-copy-way") {
            self.note(format!("copied by {way}"));
        }
        if let (Action::Complete { list, .. }, 200) = (action, answer.status) {
            self.note(format!("completed of {} parts", list.len()));
        }
        let body =
            answer.body.iter().fold(0, |sum: u64, byte| sum.wrapping_mul(31) + u64::from(*byte));
        self.hash = mix(self.hash ^ step ^ (u64::from(answer.status) << 32) ^ mix(body));
        if let Some(lines) = &mut self.lines {
            let Answered { status, code, body, .. } = answer;
            lines.push(format!("{step:6} <- {task} {status} {code:?} {} bytes", body.len()));
        }
    }
}
