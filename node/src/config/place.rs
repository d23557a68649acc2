//! Room: which directories a command is about, for the commands that look at a node's data without serving it.
//!
//! Invariant: what is not said comes from the same variables, and the same defaults, as those of `tenon serve`.

use std::ffi::OsString;
use std::path::PathBuf;

use super::{ConfigError, ServeFlags, Settings};

/// The flags of a command that looks at data. Each can come from the environment as well.
#[derive(clap::Args, Debug, Default)]
pub struct PlaceFlags {
    /// The data directory [env: TENON_DATA]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Where the metadata store lives; default: meta inside the data directory [env: TENON_META_DIR]
    #[arg(long, value_name = "DIR")]
    pub meta_dir: Option<PathBuf>,
    /// The file of settings of the node, which may name both [env: TENON_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The flags of `tenon fsck`.
#[derive(clap::Args, Debug, Default)]
pub struct FsckFlags {
    /// Which data.
    #[command(flatten)]
    pub places: PlaceFlags,
    /// Read every byte and compare it with its fingerprint
    #[arg(long)]
    pub verify: bool,
    /// Take out of the way what is damaged, into lost/, and make the rest agree again
    #[arg(long)]
    pub repair: bool,
    /// One JSON object a line instead of text
    #[arg(long)]
    pub json: bool,
}

/// Where a node keeps what it stores.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Places {
    /// The data directory.
    pub data: PathBuf,
    /// The folder of the metadata store.
    pub meta_dir: PathBuf,
}

impl PlaceFlags {
    /// Reads flags, environment and the file of settings. Nothing else is looked at yet.
    ///
    /// # Errors
    /// If nobody says which data is meant, or the file is none of settings.
    pub fn resolve(
        self,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Places, ConfigError> {
        let ours = environment.filter(|(name, _)| VARIABLES.iter().any(|ours| name == ours));
        let flags = ServeFlags {
            data: self.data.map(PathBuf::into_os_string),
            meta_dir: self.meta_dir.map(PathBuf::into_os_string),
            config: self.config.map(PathBuf::into_os_string),
            ..ServeFlags::default()
        };
        match Settings::gather(&flags, ours)?.places() {
            (Some(data), Some(meta_dir)) => Ok(Places { data, meta_dir }),
            _ => Err(ConfigError::new("--data", "say which directory holds the data")),
        }
    }
}

const VARIABLES: [&str; 3] = ["TENON_DATA", "TENON_META_DIR", "TENON_CONFIG"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_defaults() {
        let set = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        let nothing = PlaceFlags::default().resolve(std::iter::empty()).expect_err("no data");
        assert!(nothing.to_string().contains("--data"), "{nothing}");
        let places =
            PlaceFlags::default().resolve([set("TENON_DATA", "/a")].into_iter()).expect("data");
        assert_eq!(places, Places { data: "/a".into(), meta_dir: "/a/meta".into() });
        let flags = PlaceFlags { data: Some("/b".into()), ..PlaceFlags::default() };
        let environment =
            [set("TENON_DATA", "/a"), set("TENON_META_DIR", "/m"), set("TENON_SPEED", "9")];
        let places = flags.resolve(environment.into_iter()).expect("data");
        assert_eq!(places, Places { data: "/b".into(), meta_dir: "/m".into() });
        let flags =
            PlaceFlags { data: Some("/b".into()), meta_dir: Some("/c".into()), config: None };
        let places = flags.resolve([set("TENON_META_DIR", "/m")].into_iter()).expect("data");
        assert_eq!(places.meta_dir, PathBuf::from("/c"));
    }

    #[test]
    fn the_file_of_a_node_says_where_its_data_is() {
        let file = tempfile::NamedTempFile::new().expect("made");
        let path = file.path().to_str().expect("text");
        // Whatever else it says is not looked at, but for its form.
        let text = "data = '/f'\n[root]\nsecret_key_file = '/no/such/file'\n";
        std::fs::write(path, text).expect("written");
        let set = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        let environment = || [set("TENON_CONFIG", path)].into_iter();
        let places = PlaceFlags::default().resolve(environment()).expect("data");
        assert_eq!(places, Places { data: "/f".into(), meta_dir: "/f/meta".into() });
        let flags = PlaceFlags { data: Some("/b".into()), ..PlaceFlags::default() };
        assert_eq!(flags.resolve(environment()).expect("data").data, PathBuf::from("/b"));
        std::fs::write(path, "dta = '/f'\n").expect("written");
        let error = PlaceFlags::default().resolve(environment()).expect_err("no setting");
        assert!(error.to_string().contains(":1:1: dta is not a setting; did you mean data?"));
    }
}
