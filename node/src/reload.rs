//! Room: what SIGHUP reads again while the node serves: the certificate, and the level of the log.
//!
//! Must not: change anything else. A setting that has become another is told, so that somebody restarts the node.
//! Invariant: what cannot be read leaves everything as it was.

use std::sync::Arc;

use crate::admin::{Phase, Readiness};
use crate::config::{ServeFlags, Settings};
use crate::http::tls::TlsKeys;
use crate::log;
use crate::notify;

/// All that is needed to read the settings again.
pub struct Reload {
    /// The command line, which cannot change.
    pub flags: ServeFlags,
    /// The settings that the node was started with.
    pub settings: Settings,
    /// The certificate, if there is one.
    pub tls: Option<Arc<TlsKeys>>,
    /// Whether the service manager has been told that the node serves.
    pub readiness: Arc<Readiness>,
}

impl Reload {
    /// Reads again and says what came of it. Blocks: not for a shard.
    pub fn run(&mut self) {
        let serving = self.readiness.get() == Phase::Serving;
        if serving {
            notify::reloading();
        }
        let certificate = match &self.tls {
            None => "none",
            Some(keys) if keys.reload().is_ok() => "reloaded",
            // Why has been said.
            Some(_) => "kept",
        };
        match Settings::gather(&self.flags, std::env::vars_os()) {
            Ok(settings) => self.take(settings, certificate),
            Err(problem) => {
                log::error(
                    "settings_kept",
                    &[("problem", &problem), ("certificate", &certificate)],
                );
            }
        }
        // Whoever stops by now has said so, and must not be called ready again.
        if serving && self.readiness.get() == Phase::Serving {
            notify::ready("serving");
        }
    }

    fn take(&mut self, mut settings: Settings, certificate: &str) {
        let level = settings.log_level();
        let others = self.settings.differing(&mut settings).join(",");
        // The old level or the new one lets this event through, whichever is wider.
        log::set_level(level.max(log::level()));
        let name = level.as_str();
        let mut fields: Vec<log::Field<'_>> = vec![("certificate", &certificate), ("level", &name)];
        if !others.is_empty() {
            fields.push(("needs_restart", &others));
        }
        log::info("reloaded", &fields);
        log::set_level(level);
    }
}
