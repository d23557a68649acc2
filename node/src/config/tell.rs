//! Room: settings told to people: the settings in force, and the help of the command line.
//!
//! Invariant: what [`effective`] tells reads back as the same settings, but for the secret, which is never told.

use std::fmt::Write as _;

use super::settings::{Origin, Settings};
use super::table::{Draft, SETTINGS, Setting};

/// The settings in force as a file of settings; a comment behind each says where it comes from.
pub(super) fn effective(settings: &mut Settings) -> String {
    let mut out =
        concat!("# tenon ", env!("CARGO_PKG_VERSION"), ": the settings in force\n\n").to_owned();
    let mut table = None;
    for (setting, shown, origin) in settings.each() {
        enter_table(&mut out, &mut table, setting);
        let name = setting.name();
        let origin = match origin {
            Origin::Default => "default".to_owned(),
            Origin::File(place) => place.clone(),
            Origin::Variable => setting.variable(),
            Origin::Flag => setting.flag(),
        };
        // Writing to a String cannot fail.
        let _ = match shown.to_toml() {
            Some(value) => writeln!(out, "{name} = {value}  # {}", origin.escape_debug()),
            None => writeln!(out, "# {name} is not set"),
        };
    }
    out
}

/// All settings with their variables and defaults, for `--help`.
pub(super) fn help() -> String {
    let mut out = HELP_HEAD.to_owned();
    for setting in SETTINGS {
        let Setting { meaning, example, .. } = setting;
        let default = setting.show(&mut Draft::default()).to_plain();
        // Writing to a String cannot fail.
        let _ = write!(out, "\n  {}={default}\n          {meaning}", setting.variable());
        if default.is_empty() && !example.is_empty() {
            let _ = write!(out, "; such as {example}");
        }
    }
    out
}

/// The help of a flag.
pub(super) fn flag_help(setting: &Setting) -> String {
    let default = setting.show(&mut Draft::default()).to_plain();
    let default = if default.is_empty() { default } else { format!(" [default: {default}]") };
    let repeated = if setting.is_list() { "; may be repeated" } else { "" };
    format!("{}{repeated}{default} [env: {}]", setting.meaning, setting.variable())
}

fn enter_table(out: &mut String, current: &mut Option<&'static str>, setting: &'static Setting) {
    if *current != setting.table() {
        *current = setting.table();
        let blank = if out.ends_with("\n\n") { "" } else { "\n" };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{blank}[{}]", current.unwrap_or_default());
    }
}

const HELP_HEAD: &str = "\
Flags win over the environment, the environment over the file of --config, the file over the defaults.
TENON_A_B_C in the environment is the key b_c of table [a] in the file, which is TOML. Lists in the environment are
separated by commas; an empty variable counts as not set. Sizes are bytes or 64MiB, durations 250ms, 5s or 1h.
SIGTERM and SIGINT drain and stop the node, a second one stops it at once; SIGHUP reads certificates and log level again.
Exit codes: 0 told to stop, 1 something broke, 2 settings or host that cannot work.

Settings and their defaults:";
