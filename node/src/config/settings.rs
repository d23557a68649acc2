//! Room: what flags, environment and file say together, and where each value comes from.
//!
//! Invariants: flags win over the environment, the environment over the file, the file over the defaults. An unknown
//! key in the file is refused; an unknown `TENON_` variable is a warning; an empty variable counts as not set. What
//! is not built is refused, never ignored.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use protocol::sign::Credential;

use super::flags::ServeFlags;
use super::form::{self, Shown};
use super::table::{self, Draft, SETTINGS, Setting};
use super::{Config, ConfigError, TlsFiles, Way, file, host_id, host_name, near, tell};
use crate::log::Level;

/// Where a value was said, the least binding place first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// Nowhere.
    Default,
    /// In the file: `path:line:column`.
    File(String),
    /// In the environment.
    Variable,
    /// On the command line.
    Flag,
}

impl Origin {
    fn rank(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File(_) => 1,
            Self::Variable => 2,
            Self::Flag => 3,
        }
    }

    /// How the operator wrote this setting, for messages about it.
    pub(super) fn name(&self, setting: &Setting) -> String {
        match self {
            Self::File(place) => format!("{place}: {}", setting.key),
            Self::Flag => setting.flag(),
            Self::Default | Self::Variable => setting.variable(),
        }
    }
}

/// All settings with their origins: well-formed, and not yet held against each other.
pub struct Settings {
    draft: Draft,
    /// One for each of [`SETTINGS`].
    origins: Vec<Origin>,
    warnings: Vec<String>,
}

impl Settings {
    /// Reads the file that flags or environment name, the environment, and the flags.
    ///
    /// # Errors
    /// For a value that is not well-formed, and for a file that cannot be read or says what is no setting.
    pub fn gather(
        flags: &ServeFlags,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut variables = variables(environment);
        let mut settings = Self {
            draft: Draft::default(),
            origins: vec![Origin::Default; SETTINGS.len()],
            warnings: Vec::new(),
        };
        let named = variables.remove(FILE_VARIABLE);
        if let Some(path) = flags.config.clone().or(named) {
            settings.take_file(Path::new(&path))?;
        }
        for setting in SETTINGS {
            if let Some(value) = variables.remove(&setting.variable()) {
                settings.put(setting, Origin::Variable, &value)?;
            }
        }
        settings.take_left_over(variables)?;
        for (key, value) in flags.given() {
            if let Some(setting) = table::find(key) {
                settings.put(setting, Origin::Flag, &value)?;
            }
        }
        settings.choose_secret()?;
        if settings.draft.meta_dir.is_none() {
            settings.draft.meta_dir = settings.draft.data.as_ref().map(|data| data.join("meta"));
        }
        Ok(settings)
    }

    /// Holds the settings against each other. The second value is what the operator should know.
    ///
    /// # Errors
    /// If something is missing, or two settings do not go together.
    pub fn config(&self) -> Result<(Config, Vec<String>), ConfigError> {
        let mut warnings = self.warnings.clone();
        let data = self.draft.data.clone();
        let data =
            data.ok_or_else(|| ConfigError::new("--data", "say which directory holds the data"))?;
        let root = self.root(&mut warnings)?;
        let mut config = self.draft.config.clone();
        config.host_id = host_id(&format!("{}\n{}", host_name(), data.display()));
        config.meta_dir = self.draft.meta_dir.clone().unwrap_or_else(|| data.join("meta"));
        config.data = data;
        config.root = root;
        config.tls = self.tls()?;
        config.copy.ways = self.ways()?;
        if config.listen.contains(&config.admin_listen) && config.admin_listen.port() != 0 {
            let problem = format!("{} is the S3 socket's", config.admin_listen);
            return Err(self.wrong("admin_listen", problem));
        }
        Ok((config, warnings))
    }

    /// All settings in force as a file of settings, with where each comes from.
    pub fn effective(&mut self) -> String {
        tell::effective(self)
    }

    /// The directories alone, for commands that serve nothing.
    pub(super) fn places(self) -> (Option<PathBuf>, Option<PathBuf>) {
        (self.draft.data, self.draft.meta_dir)
    }

    /// Which events are written.
    pub fn log_level(&self) -> Level {
        self.draft.config.log.level
    }

    /// The keys of the settings that differ from those of `other`, but for the level of the log.
    pub fn differing(&mut self, other: &mut Self) -> Vec<&'static str> {
        let secret_differs = self.draft.secret_key != other.draft.secret_key;
        let differs = |setting: &&Setting| match setting.key {
            "log.level" => false,
            // What is shown of it is always the same.
            SECRET => secret_differs,
            _ => setting.show(&mut self.draft) != setting.show(&mut other.draft),
        };
        SETTINGS.iter().filter(differs).map(|setting| setting.key).collect()
    }

    /// Each setting with its value and where that was said.
    pub(super) fn each(&mut self) -> impl Iterator<Item = (&'static Setting, Shown, &Origin)> {
        let draft = &mut self.draft;
        SETTINGS
            .iter()
            .zip(&self.origins)
            .map(|(setting, origin)| (setting, setting.show(draft), origin))
    }

    fn put(
        &mut self,
        setting: &'static Setting,
        origin: Origin,
        value: &OsStr,
    ) -> Result<(), ConfigError> {
        setting
            .set(&mut self.draft, value)
            .map_err(|problem| ConfigError::new(&origin.name(setting), problem))?;
        if let Some(index) = SETTINGS.iter().position(|other| other.key == setting.key) {
            self.origins[index] = origin;
        }
        Ok(())
    }

    fn take_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let said = file::read(path)?;
        for file::Entry { setting, value, place } in said.entries {
            if setting.key == SECRET && said.public {
                let problem = "everybody on this host can read this file: chmod o-r, or use root.secret_key_file";
                return Err(ConfigError::new(&format!("{place}: {SECRET}"), problem));
            }
            self.put(setting, Origin::File(place), &value)?;
        }
        Ok(())
    }

    /// Variables that are no settings.
    fn take_left_over(&mut self, left: BTreeMap<String, OsString>) -> Result<(), ConfigError> {
        for name in left.into_keys() {
            let key = name.trim_start_matches(VARIABLE_PREFIX).to_ascii_lowercase();
            if table::is_not_built(&key) {
                return Err(ConfigError::new(&name, "not built yet: leave it out"));
            }
            let meant = near::nearest(&key).and_then(table::find).map(Setting::variable);
            let hint = meant.map_or_else(String::new, |name| format!("; did you mean {name}?"));
            self.warnings.push(format!("{name}: not a setting, ignored{hint}"));
        }
        Ok(())
    }

    fn origin(&self, key: &str) -> &Origin {
        let index = SETTINGS.iter().position(|setting| setting.key == key);
        index.map_or(&Origin::Default, |index| &self.origins[index])
    }

    /// What is wrong with the value of a setting, under the name by which it was given.
    fn wrong(&self, key: &str, problem: impl Into<String>) -> ConfigError {
        let name = table::find(key).map(|setting| self.origin(key).name(setting));
        ConfigError::new(&name.unwrap_or_default(), problem)
    }

    /// The secret and the file of the secret are one setting in two forms: the more binding place wins.
    fn choose_secret(&mut self) -> Result<(), ConfigError> {
        if self.draft.secret_key.is_none() || self.draft.secret_key_file.is_none() {
            return Ok(());
        }
        let (secret, file) = (self.origin(SECRET), self.origin(SECRET_FILE));
        let weaker = match secret.rank().cmp(&file.rank()) {
            std::cmp::Ordering::Less => {
                self.draft.secret_key = None;
                SECRET
            }
            std::cmp::Ordering::Greater => {
                self.draft.secret_key_file = None;
                SECRET_FILE
            }
            std::cmp::Ordering::Equal => {
                let other = table::find(SECRET).map(|setting| secret.name(setting));
                let problem = format!("set it or {}, not both", other.unwrap_or_default());
                return Err(self.wrong(SECRET_FILE, problem));
            }
        };
        if let Some(index) = SETTINGS.iter().position(|setting| setting.key == weaker) {
            self.origins[index] = Origin::Default;
        }
        Ok(())
    }

    /// Nobody gets in with a credential that everybody knows: there is no default.
    fn root(&self, warnings: &mut Vec<String>) -> Result<Credential, ConfigError> {
        let Some(access_key) = self.draft.access_key.clone() else {
            let problem =
                format!("set it, or {ACCESS_KEY} in the file: there is no default credential");
            return Err(self.wrong(ACCESS_KEY, problem));
        };
        let secret_key = match (&self.draft.secret_key, &self.draft.secret_key_file) {
            (Some(secret), _) => secret.clone(),
            (None, Some(path)) => self.read_secret(path, warnings)?,
            (None, None) => {
                let problem =
                    "set it, or better TENON_ROOT_SECRET_KEY_FILE: there is no default credential";
                return Err(self.wrong(SECRET, problem));
            }
        };
        Ok(Credential { access_key, secret_key })
    }

    fn read_secret(&self, path: &Path, warnings: &mut Vec<String>) -> Result<String, ConfigError> {
        let wrong = |problem: &dyn std::fmt::Display| {
            self.wrong(SECRET_FILE, format!("{}: {problem}", path.display()))
        };
        let (text, public) = file::read_private(path).map_err(|error| wrong(&error))?;
        let secret = text.trim_end_matches(['\r', '\n']);
        form::check_secret(secret).map_err(|problem| wrong(&problem))?;
        if public {
            let path = path.display();
            warnings.push(format!("{path}: everybody on this host can read the secret: chmod o-r"));
        }
        Ok(secret.to_owned())
    }

    /// Both files or neither.
    fn tls(&self) -> Result<Option<TlsFiles>, ConfigError> {
        match (&self.draft.tls_cert, &self.draft.tls_key) {
            (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert: cert.clone(), key: key.clone() })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(self.wrong("tls.key", "say where the key is as well")),
            (None, Some(_)) => Err(self.wrong("tls.cert", "say where the certificate is as well")),
        }
    }

    /// The ways in their order, each once, without the forbidden ones, and with the one that always works.
    fn ways(&self) -> Result<Vec<Way>, ConfigError> {
        let forbid = &self.draft.copy_forbid;
        if forbid.contains(&Way::Rw) {
            let problem = "rw is the last resort of every copy and cannot be forbidden";
            return Err(self.wrong("copy.forbid", problem));
        }
        let mut ways = Vec::new();
        for way in self.draft.copy_order.iter().chain(&[Way::Rw]) {
            if !forbid.contains(way) && !ways.contains(way) {
                ways.push(*way);
            }
        }
        Ok(ways)
    }
}

/// The variables that begin with `TENON_`; an empty one counts as not set.
fn variables(
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> BTreeMap<String, OsString> {
    let ours = environment.filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    ours.filter(|(name, value)| name.starts_with(VARIABLE_PREFIX) && !value.is_empty()).collect()
}

const VARIABLE_PREFIX: &str = "TENON_";
const FILE_VARIABLE: &str = "TENON_CONFIG";
const ACCESS_KEY: &str = "root.access_key";
const SECRET: &str = "root.secret_key";
const SECRET_FILE: &str = "root.secret_key_file";
