//! Room: a file of settings in TOML: its keys and values, each with its place.
//!
//! Source: TOML 1.0. Tables may be written in any of its ways; what is no setting is refused by whoever asks.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::table::{self, Setting};
use super::{ConfigError, near};

/// What a file says.
pub(super) struct Said {
    /// The settings, in the order of their keys.
    pub(super) entries: Vec<Entry>,
    /// Whether everybody on this host can read the file.
    pub(super) public: bool,
}

/// One setting in a file.
pub(super) struct Entry {
    /// Which one.
    pub(super) setting: &'static Setting,
    /// Its value; items of a list are joined by commas.
    pub(super) value: OsString,
    /// `path:line:column`.
    pub(super) place: String,
}

/// Reads the file at `path`.
pub(super) fn read(path: &Path) -> Result<Said, ConfigError> {
    let (text, public) = read_private(path)
        .map_err(|error| ConfigError::new(&path.display().to_string(), error.to_string()))?;
    let place = |at: usize| format!("{}:{}", path.display(), line_and_column(&text, at));
    let table = DeTable::parse(&text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        ConfigError::new(&place(at), error.message())
    })?;
    let mut entries = Vec::new();
    flatten("", table.get_ref(), &place, &mut entries)?;
    Ok(Said { entries, public })
}

/// The text of a file, and whether everybody on this host can read it too.
pub(super) fn read_private(path: &Path) -> std::io::Result<(String, bool)> {
    let mut file = File::open(path)?;
    let public = file.metadata()?.mode() & READ_BY_OTHERS != 0;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok((text, public))
}

fn flatten(
    prefix: &str,
    table: &DeTable<'_>,
    place: &impl Fn(usize) -> String,
    entries: &mut Vec<Entry>,
) -> Result<(), ConfigError> {
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref());
        let place_of_key = place(name.span().start);
        let refused = |problem: String| Err(ConfigError::new(&place_of_key, problem));
        match (table::find(&key), value.get_ref()) {
            (Some(setting), found) => match text_of(setting, found) {
                Ok(value) => entries.push(Entry { setting, value, place: place_of_key }),
                Err(problem) => return refused(format!("{key}: {problem}")),
            },
            (None, DeValue::Table(inner)) if table::has_table(&key) => {
                flatten(&format!("{key}."), inner, place, entries)?;
            }
            (None, _) if table::has_table(&key) => {
                return refused(format!("{key} is a table: [{key}], then its settings below"));
            }
            (None, _) if table::is_not_built(&key) => {
                return refused(format!("{key}: not built yet: leave it out"));
            }
            (None, _) => return refused(format!("{key} is not a setting{}", near::hint(&key))),
        }
    }
    Ok(())
}

/// The value as a variable would say it.
fn text_of(setting: &Setting, value: &DeValue<'_>) -> Result<OsString, String> {
    let number = setting.is_number();
    match value {
        DeValue::String(text) => Ok(OsString::from(&**text)),
        DeValue::Integer(integer) if number => {
            let parsed = u64::from_str_radix(integer.as_str(), integer.radix());
            parsed.map(|value| value.to_string().into()).map_err(|error| error.to_string())
        }
        DeValue::Float(float) if number => Ok(float.as_str().into()),
        DeValue::Array(items) if setting.is_list() => {
            let texts = items.iter().map(|item: &Spanned<DeValue<'_>>| match item.get_ref() {
                DeValue::String(text) => Ok(&**text),
                other => Err(format!("a list of texts, not of type {}", other.type_str())),
            });
            Ok(texts.collect::<Result<Vec<_>, _>>()?.join(",").into())
        }
        other => Err(format!("not of type {}, but like {}", other.type_str(), setting.usual())),
    }
}

/// `line:column` of a byte, both counted from 1, columns in characters.
fn line_and_column(text: &str, at: usize) -> String {
    let before = &text[..text.floor_char_boundary(at)];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("{line}:{column}")
}

const READ_BY_OTHERS: u32 = 0o004;
