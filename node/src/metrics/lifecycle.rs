//! Room: the figures of lifecycle rules: what they let go of, and how the last look at all buckets went.

use protocol::time::Timestamp;

use super::figure::Counter;
use super::text::{Text, seconds};

/// What lifecycle rules have done.
#[derive(Default)]
pub struct LifecycleMetrics {
    actions: [Counter; Action::ALL.len()],
    /// Versions that an object lock, or damage, has kept at a look.
    pub kept: Counter,
    /// Buckets, pages or commands that a look had to give up.
    pub errors: Counter,
    /// Unix time in seconds at which the last look ended; 0 for none yet.
    last_ended: Counter,
    /// Microseconds that it took.
    last_took: Counter,
}

/// What a lifecycle rule does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// The latest version of a key expires.
    Expire,
    /// An older version goes.
    Noncurrent,
    /// A delete marker goes that is all that is left of its key.
    Marker,
    /// An upload is aborted.
    Abort,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Expire, Self::Noncurrent, Self::Marker, Self::Abort];

    /// The label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expire => "expire",
            Self::Noncurrent => "noncurrent",
            Self::Marker => "marker",
            Self::Abort => "abort",
        }
    }
}

impl LifecycleMetrics {
    /// Counts what a rule has done.
    pub fn done(&self, action: Action, count: u64) {
        self.actions[action as usize].add(count);
    }

    /// How often rules have done this.
    #[must_use]
    pub fn count(&self, action: Action) -> u64 {
        self.actions[action as usize].get()
    }

    /// Notes the end of a look at all buckets, which took `micros`.
    pub fn ended(&self, now: Timestamp, micros: u64) {
        self.last_ended.set(now.as_millis() / 1000);
        self.last_took.set(micros);
    }

    pub(super) fn render(&self, text: &mut Text) {
        let help = "What lifecycle rules have let go of.";
        let mut family = text.counter("tenon_lifecycle_actions_total", help);
        for action in Action::ALL {
            family.sample(&[("action", action.as_str())], self.count(action));
        }
        let help = "Versions whose time was up and that an object lock or damage has kept, counted at each look.";
        text.counter("tenon_lifecycle_kept_total", help).value(self.kept.get());
        let help = "Buckets, pages or commands that a look for what has expired had to give up.";
        text.counter("tenon_lifecycle_errors_total", help).value(self.errors.get());
        let help = "When the last look at all buckets with lifecycle rules ended, in Unix time; 0 for none yet.";
        text.gauge("tenon_lifecycle_pass_end_timestamp_seconds", help).value(self.last_ended.get());
        let help = "How long the last look at all buckets with lifecycle rules took.";
        text.gauge("tenon_lifecycle_pass_duration_seconds", help)
            .value(seconds(self.last_took.get()));
    }
}
