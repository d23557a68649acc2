//! Room: the command line: what the program can do, and the flags of each command.
//!
//! Invariant: a flag that is also a setting takes its help from the table of settings, and its value is parsed
//! there as well, so that flag, variable and file mean the same.

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use super::place::{FsckFlags, PlaceFlags};
use super::{table, tell};

/// The command line.
#[derive(Parser)]
#[command(
    name = "tenon",
    version,
    about = "An S3 storage node where a copied range costs metadata, not bytes"
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Subcommand)]
pub enum Command {
    /// Serve S3 until told to stop
    #[command(after_help = SERVE_HELP, after_long_help = tell::help())]
    Serve(ServeFlags),
    /// Say what this host offers a node, and what to change
    #[command(after_help = DOCTOR_HELP)]
    Doctor(PlaceFlags),
    /// Check the data of a node that does not run: every record against every file
    #[command(after_help = FSCK_HELP)]
    Fsck(FsckFlags),
    /// Measure this or any other S3 endpoint, by tenon-bench beside this program
    #[command(disable_help_flag = true)]
    Bench(BenchFlags),
}

/// The arguments of `tenon-bench`, which checks them itself.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct BenchFlags {
    /// What `tenon-bench --help` tells of
    #[arg(value_name = "ARGUMENTS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<OsString>,
}

/// The flags of `tenon serve`, as they were written. What is not said may come from the environment or the file.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ServeFlags {
    #[arg(long, value_name = "DIR", help = help_of("data"))]
    pub(super) data: Option<OsString>,
    #[arg(long, value_name = "DIR", help = help_of("meta_dir"))]
    pub(super) meta_dir: Option<OsString>,
    #[arg(long, value_name = "ADDRESS", help = help_of("listen"))]
    pub(super) listen: Vec<OsString>,
    #[arg(long, value_name = "ADDRESS", help = help_of("admin_listen"))]
    pub(super) admin_listen: Option<OsString>,
    /// A file of settings in TOML [env: TENON_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<OsString>,
    #[arg(long, value_name = "N", help = help_of("shards"))]
    pub(super) shards: Option<OsString>,
    #[arg(long, value_name = "DOMAIN", help = help_of("domain"))]
    pub(super) domain: Vec<OsString>,
    #[arg(long, value_name = "FILE", help = help_of("tls.cert"))]
    pub(super) tls_cert: Option<OsString>,
    #[arg(long, value_name = "FILE", help = help_of("tls.key"))]
    pub(super) tls_key: Option<OsString>,
    /// Print the settings in force and where each comes from, as TOML, and do nothing else
    #[arg(long)]
    pub check_config: bool,
}

impl ServeFlags {
    /// What was said, by the key of the setting.
    pub(super) fn given(&self) -> impl Iterator<Item = (&'static str, OsString)> {
        let single = [
            ("data", &self.data),
            ("meta_dir", &self.meta_dir),
            ("admin_listen", &self.admin_listen),
            ("shards", &self.shards),
            ("tls.cert", &self.tls_cert),
            ("tls.key", &self.tls_key),
        ];
        let single = single.into_iter().filter_map(|(key, value)| Some((key, value.clone()?)));
        let several = [("listen", &self.listen), ("domain", &self.domain)];
        let several = several.into_iter().filter(|(_, values)| !values.is_empty());
        single.chain(several.map(|(key, values)| (key, values.join(",".as_ref()))))
    }
}

fn help_of(key: &str) -> String {
    table::find(key).map(tell::flag_help).unwrap_or_default()
}

const SERVE_HELP: &str = "\
Flags win over the environment, the environment over the file, the file over the defaults. --help lists every setting.
Exit codes: 0 told to stop, 1 something broke, 2 settings or host that cannot work";

const DOCTOR_HELP: &str = "\
Tries what a node will need: the directory (or, if it is not there yet, the folder that it would be made in), io_uring,
limits, clock. Leaves nothing behind and may be run beside a node that serves.
Exit codes: 0 a node can run here, 1 it cannot, 2 usage";

const FSCK_HELP: &str = "\
Without --repair nothing is changed. With it, nothing is deleted either: files that nobody names, and those of objects
that cannot be served whole any more, go to lost/ in the data directory; records go to lost/records-<time>.jsonl
first; each object, upload and part that is taken out is told. All of it stays there until somebody removes it.
Damaged bytes are found with --verify only.
It takes about 1.5 KiB of memory for each object and part, and nothing for the bytes of small objects.
Exit codes: 0 all is well, 1 all that was found is repaired, 2 usage, 4 problems are left, 8 could not check";
