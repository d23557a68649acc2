//! Room: the format number of a data directory: which program may open it.
//!
//! Invariant: an unknown number is refused with a clear message, never guessed. The file is written once, when the
//! directory is new and its metadata store has been made, and is durable before anything is stored.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::disk::raw;

/// The format that this program reads and writes.
const FORMAT: &str = "tenon 4\n";

/// Whether `data` has the format that this program reads; not, if it is new or not there. Changes nothing.
///
/// # Errors
/// A message for the operator, if it holds what this program must not touch.
pub fn read(data: &Path) -> Result<bool, String> {
    let path = data.join("format");
    match fs::read_to_string(&path) {
        Ok(found) if found == FORMAT => Ok(true),
        Ok(found) => Err(format!(
            "{} says {:?}: this program reads {:?} only; use the version of Tenon that wrote it",
            path.display(),
            found.trim_end(),
            FORMAT.trim_end(),
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if holds_blobs(data).map_err(|error| format!("{}: {error}", data.display()))? {
                return Err(format!(
                    "{} is missing, but there is data: if it was lost, write {FORMAT:?} into it",
                    path.display()
                ));
            }
            Ok(false)
        }
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// Whether a node has stored anything here. Its first folder comes after the format.
fn holds_blobs(data: &Path) -> io::Result<bool> {
    match fs::read_dir(data.join("blobs")) {
        Ok(mut entries) => Ok(entries.next().transpose()?.is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes the format of a new directory, durably.
///
/// # Errors
/// A message for the operator.
pub fn write(data: &Path) -> Result<(), String> {
    replace(data).map_err(|error| format!("{}: {error}", data.join("format").display()))
}

fn replace(data: &Path) -> io::Result<()> {
    let (path, fresh) = (data.join("format"), data.join("format.new"));
    let mut file = File::create(&fresh)?;
    file.write_all(FORMAT.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    raw::sync_folder(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_directory_gets_the_format_and_another_one_is_refused() {
        let data = tempfile::tempdir().expect("a temporary directory");
        assert_eq!(read(data.path()), Ok(false), "nothing is there, and nothing is made");
        assert_eq!(fs::read_dir(data.path()).expect("listed").count(), 0);
        write(data.path()).expect("new");
        assert_eq!(read(data.path()), Ok(true));
        for other in ["tenon 1", "tenon 2", "tenon 3", "tenon 9"] {
            fs::write(data.path().join("format"), format!("{other}\n")).expect("written");
            let message = read(data.path()).expect_err("of another program");
            assert!(message.contains(other) && message.contains("tenon 4"), "{message}");
            assert!(message.contains("use the version of Tenon that wrote it"), "{message}");
        }
        fs::create_dir_all(data.path().join("blobs/00000001")).expect("made");
        fs::remove_file(data.path().join("format")).expect("removed");
        let message = read(data.path()).expect_err("data of an unknown format");
        assert!(message.contains("missing"), "{message}");
    }
}
