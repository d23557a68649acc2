//! Room: the command line of `tenon-bench`. Its help is the manual.
//!
//! Invariant: what the arguments say is checked here; a wrong one ends the program with code 2 and a sentence.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::endpoint::Url;
use crate::scenario::{Case, Copy, Get, List, Mixed, Put, Small, Weights};

/// The command line.
#[derive(Parser, Debug)]
#[command(
    name = "tenon-bench",
    version,
    about = "Measures S3 endpoints: how fast they copy, store, fetch and list, and what it costs them",
    after_help = EXIT_CODES,
    after_long_help = MANUAL
)]
pub struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What is measured.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// UploadPartCopy: ranges of one source into parts of uploads
    Copy {
        #[command(flatten)]
        common: Common,
        /// Lengths of the parts
        #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = part_size, default_value = "1MiB,8MiB,64MiB,1GiB")]
        size: Vec<u64>,
        /// Requests in flight
        #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = concurrency, default_value = "1")]
        concurrency: Vec<usize>,
        /// Where ranges begin beyond a multiple of their length: aligned, unaligned (12,345 bytes) or a length
        #[arg(long, value_name = "WHERE", value_parser = offset, default_value = "aligned")]
        offset: u64,
        /// Parts of the source: single (one PutObject), or so many, made by part copies of 64 MiB
        #[arg(long, value_name = "PARTS", value_parser = source_parts, default_value = "single")]
        source_parts: u64,
        /// Length of the source, over which the ranges go in turn [default: one range]
        #[arg(long, value_name = "SIZE", value_parser = part_size)]
        source_size: Option<u64>,
        /// Complete each upload, and measure that as well
        #[arg(long)]
        complete: bool,
        /// Parts of an upload that is completed; one where parts are shorter than 5 MiB
        #[arg(long, value_name = "PARTS", value_parser = clap::value_parser!(u16).range(1..=10_000), default_value = "16")]
        complete_parts: u16,
    },
    /// PutObject
    Put {
        #[command(flatten)]
        common: Common,
        /// Lengths of the objects
        #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = part_size, default_value = "64MiB")]
        size: Vec<u64>,
        /// Requests in flight
        #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = concurrency, default_value = "1,8")]
        concurrency: Vec<usize>,
    },
    /// GetObject
    Get {
        #[command(flatten)]
        common: Common,
        /// Lengths of the objects
        #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = part_size, default_value = "64MiB")]
        size: Vec<u64>,
        /// Requests in flight
        #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = concurrency, default_value = "1,8")]
        concurrency: Vec<usize>,
    },
    /// PUT, GET, HEAD and DELETE of small objects, one after the other
    Small {
        #[command(flatten)]
        common: Common,
        /// Lengths of the objects
        #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = part_size, default_value = "4KiB")]
        size: Vec<u64>,
        /// Requests in flight
        #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = concurrency, default_value = "16")]
        concurrency: Vec<usize>,
    },
    /// ListObjectsV2: pages of 1,000, and with a delimiter that skips 99 of 100 keys
    List {
        #[command(flatten)]
        common: Common,
        /// Objects that are there
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=100_000_000), default_value = "10000")]
        keys: u32,
        /// Requests in flight
        #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = concurrency, default_value = "1,16")]
        concurrency: Vec<usize>,
    },
    /// A mix of operations at a time
    Mixed {
        #[command(flatten)]
        common: Common,
        /// How often each comes: get, put, head, delete, list (of a client's own keys), copy (of an object into a part)
        #[arg(
            long,
            value_name = "WEIGHTS",
            default_value = "get=50,put=25,head=10,delete=10,list=2,copy=3"
        )]
        mix: Weights,
        /// Lengths of the objects
        #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = part_size, default_value = "64KiB")]
        size: Vec<u64>,
        /// Objects that are there at the beginning of a round
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000), default_value = "1000")]
        keys: u32,
        /// Requests in flight
        #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = concurrency, default_value = "16")]
        concurrency: Vec<usize>,
    },
    /// Make a report from the lines of earlier runs against the same endpoints
    Report {
        /// What --json has written
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        pages: Pages,
    },
}

/// What is drawn.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Pages {
    /// Write a report with plots, one page that needs nothing else
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write one picture of the result (SVG)
    #[arg(long, value_name = "FILE")]
    pub(crate) picture: Option<PathBuf>,
}

/// What all scenarios have in common.
#[derive(Args, Clone, Debug)]
pub(crate) struct Common {
    /// The endpoint; A
    #[arg(long, value_name = "URL", value_parser = Url::parse, default_value = "http://127.0.0.1:9000")]
    pub(crate) url: Url,
    /// Its access key
    #[arg(long, value_name = "KEY", env = "AWS_ACCESS_KEY_ID", hide_env_values = true)]
    pub(crate) access_key: String,
    /// Its secret key
    #[arg(long, value_name = "KEY", env = "AWS_SECRET_ACCESS_KEY", hide_env_values = true)]
    pub(crate) secret_key: String,
    /// Its region
    #[arg(long, value_name = "NAME", env = "AWS_DEFAULT_REGION", default_value = "us-east-1")]
    pub(crate) region: String,
    /// What tables and plots call it [default: what its Server header says]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The server's process, to count its CPU time and memory (children are not counted)
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
    /// The directory of its data, to count the bytes of the block device below it
    #[arg(long, value_name = "DIR", conflicts_with = "device")]
    pub(crate) data: Option<PathBuf>,
    /// That block device itself, where no directory tells it
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Option<PathBuf>,

    /// A second endpoint, B, that does the same in turn: A B A B …
    #[arg(long, value_name = "URL", value_parser = Url::parse)]
    pub(crate) against: Option<Url>,
    /// Its access key [default: that of A]
    #[arg(long, value_name = "KEY", env = "AGAINST_ACCESS_KEY_ID", hide_env_values = true)]
    pub(crate) against_access_key: Option<String>,
    /// Its secret key [default: that of A]
    #[arg(long, value_name = "KEY", env = "AGAINST_SECRET_ACCESS_KEY", hide_env_values = true)]
    pub(crate) against_secret_key: Option<String>,
    /// Its region [default: that of A]
    #[arg(long, value_name = "NAME")]
    pub(crate) against_region: Option<String>,
    /// What tables and plots call it
    #[arg(long, value_name = "NAME")]
    pub(crate) against_name: Option<String>,
    /// Its server's process
    #[arg(long, value_name = "PID")]
    pub(crate) against_pid: Option<u32>,
    /// The directory of its data
    #[arg(long, value_name = "DIR", conflicts_with = "against_device")]
    pub(crate) against_data: Option<PathBuf>,
    /// Its block device
    #[arg(long, value_name = "DEVICE")]
    pub(crate) against_device: Option<PathBuf>,

    /// The bucket; made if it is missing, and then taken away again
    #[arg(long, value_name = "NAME", default_value = "tenon-bench")]
    pub(crate) bucket: String,
    /// Leave everything that was stored
    #[arg(long)]
    pub(crate) keep: bool,

    /// Times that each point is measured; figures are medians
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1000), default_value = "5")]
    pub(crate) rounds: u32,
    /// Seconds of each round
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "5", conflicts_with = "requests")]
    pub(crate) duration: Duration,
    /// Requests of each round, instead of its duration
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) requests: Option<u64>,
    /// Seconds of load before each round, not counted; each client does at least one operation
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "1")]
    pub(crate) warmup: Duration,
    /// Requests arrive so many a second, at fixed times, whether or not others have been answered
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// A request that takes longer has failed
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "300")]
    pub(crate) timeout: Duration,
    /// Threads of this program [default: half of the cores]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Decides keys, contents, choices and samples
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    pub(crate) seed: u64,
    /// Objects or parts that are read back after each round and compared byte for byte
    #[arg(long, value_name = "NUMBER", default_value = "2")]
    pub(crate) samples: usize,
    /// Exit with 0 although requests failed
    #[arg(long)]
    pub(crate) allow_errors: bool,

    /// Write the results as JSON, one line for the run and one for each point
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) pages: Pages,
    /// The title of the report
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) title: String,
    /// A sentence for the report, such as the settings of durability; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Vec<String>,
    /// No progress, only the results
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

impl Command {
    /// All cases that are to be measured, and what they have in common; `None` for a report.
    pub(crate) fn cases(&self) -> Option<(&Common, Vec<Case>)> {
        let (common, cases) = match self {
            Self::Copy {
                common,
                size,
                concurrency,
                offset,
                source_parts,
                source_size,
                complete,
                complete_parts,
            } => {
                let copy = |size, concurrency| {
                    let parts = if size < PART_LEN_MIN { 1 } else { usize::from(*complete_parts) };
                    Case::Copy(Copy {
                        size,
                        concurrency,
                        offset: *offset,
                        source_parts: *source_parts,
                        source_size: *source_size,
                        complete: complete.then_some(parts),
                    })
                };
                (common, crossed(size, concurrency, copy))
            }
            Self::Put { common, size, concurrency } => (
                common,
                crossed(size, concurrency, |size, concurrency| {
                    Case::Put(Put { size, concurrency })
                }),
            ),
            Self::Get { common, size, concurrency } => (
                common,
                crossed(size, concurrency, |size, concurrency| {
                    Case::Get(Get { size, concurrency })
                }),
            ),
            Self::Small { common, size, concurrency } => (
                common,
                crossed(size, concurrency, |size, concurrency| {
                    Case::Small(Small { size, concurrency })
                }),
            ),
            Self::List { common, keys, concurrency } => {
                let keys = *keys as usize;
                let list =
                    |concurrency: &usize| Case::List(List { keys, concurrency: *concurrency });
                (common, concurrency.iter().map(list).collect())
            }
            Self::Mixed { common, mix, size, keys, concurrency } => {
                let keys = *keys as usize;
                let mixed = |size, concurrency| {
                    Case::Mixed(Mixed { size, concurrency, keys, weights: mix.clone() })
                };
                (common, crossed(size, concurrency, mixed))
            }
            Self::Report { .. } => return None,
        };
        Some((common, cases))
    }
}

fn crossed(sizes: &[u64], concurrencies: &[usize], case: impl Fn(u64, usize) -> Case) -> Vec<Case> {
    let pairs =
        sizes.iter().flat_map(|size| concurrencies.iter().map(|concurrency| (*size, *concurrency)));
    pairs.map(|(size, concurrency)| case(size, concurrency)).collect()
}

/// Source: S3 "Multipart upload limits".
const PART_LEN_MIN: u64 = 5 << 20;
const PART_LEN_MAX: u64 = 5 << 30;
const CONCURRENCY_MAX: usize = 10_000;
/// What `unaligned` means: no multiple of anything that a disk has.
const UNALIGNED: u64 = 12_345;

fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number
        .parse()
        .map_err(|error| format!("{text:?} is not a length such as 64MiB: {error}"))?;
    let factor: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(format!("{unit:?} is not one of B, KiB, MiB, GiB")),
    };
    number.checked_mul(factor).ok_or_else(|| format!("{text} is too long"))
}

fn part_size(text: &str) -> Result<u64, String> {
    bytes(text).and_then(|size| match size {
        1..=PART_LEN_MAX => Ok(size),
        _ => Err("a length is at least 1 byte and at most 5GiB".to_owned()),
    })
}

fn offset(text: &str) -> Result<u64, String> {
    match text {
        "aligned" => Ok(0),
        "unaligned" => Ok(UNALIGNED),
        other => bytes(other).and_then(|offset| match offset {
            0..PART_LEN_MAX => Ok(offset),
            _ => Err("an offset is less than 5GiB".to_owned()),
        }),
    }
}

fn source_parts(text: &str) -> Result<u64, String> {
    match text {
        "single" => Ok(1),
        other => match other.parse() {
            Ok(parts @ 1..=10_000) => Ok(parts),
            _ => Err("a source has from 1 to 10,000 parts, or is single".to_owned()),
        },
    }
}

fn concurrency(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=CONCURRENCY_MAX) => Ok(number),
        _ => Err(format!("a number from 1 to {CONCURRENCY_MAX}")),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let text = text.strip_suffix('s').unwrap_or(text);
    let seconds: f64 = text.parse().map_err(|error| format!("a number of seconds: {error}"))?;
    match seconds {
        0.0..=86_400.0 => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("from 0 to 86,400 seconds".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.01..=10_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("a number of requests a second".to_owned()),
    }
}

const EXIT_CODES: &str = "\
Exit codes: 0 measured, 1 requests failed, a sample was wrong or the run broke off, 2 usage";

const MANUAL: &str = "\
Each point is measured --rounds times, on A and on B in turn, and each figure is the median over the rounds. A round
lasts --duration or counts --requests; --concurrency clients work at a time, each on a connection of its own, which is
kept alive. Without --rate a client sends its next request as soon as it has an answer. With it requests arrive at
fixed times, and a latency counts from the arrival, not from the moment at which a connection was free: what a slow
answer holds up is slow as well. A clear sign of an endpoint that cannot keep up is the number of late requests.

After each round a sample is read back and compared: copied parts are completed to objects, the rest is aborted.
Contents are made from --seed and are the same in each run. Everything is stored below a prefix of the run's own and
taken away at its end, open uploads too.

The physical bytes are those of the block device below --data, after everything written has been settled; nobody else
should write to it. CPU time is that of the process --server-pid, user and system.

    tenon-bench copy --size 8MiB,64MiB,1GiB --concurrency 1,8 \\
        --url http://127.0.0.1:9000 --server-pid $(pidof tenon) --data /srv/tenon \\
        --against http://127.0.0.1:8333 --against-name weed \\
        --json run.json --html run.html

Exit codes: 0 measured, 1 requests failed, a sample was wrong or the run broke off, 2 usage";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        let keys = "--access-key a --secret-key b";
        let line =
            if line.starts_with("report") { line.to_owned() } else { format!("{line} {keys}") };
        Arguments::try_parse_from(std::iter::once("tenon-bench").chain(line.split_whitespace()))
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn cases_are_all_pairs_of_size_and_concurrency() {
        let arguments =
            parse("copy --size 1MiB,8MiB --concurrency 1,2,4 --offset unaligned --complete");
        let arguments = arguments.expect("a good line");
        let (common, cases) = arguments.command.cases().expect("a scenario");
        assert_eq!((cases.len(), common.rounds), (6, 5));
        let Case::Copy(first) = &cases[0] else { panic!("a copy") };
        assert_eq!((first.size, first.offset, first.complete), (1 << 20, UNALIGNED, Some(1)));
        let Case::Copy(last) = &cases[5] else { panic!("a copy") };
        assert_eq!((last.size, last.concurrency, last.complete), (8 << 20, 4, Some(16)));
    }

    #[test]
    fn lengths_and_offsets_are_read() {
        assert_eq!(bytes("7"), Ok(7));
        assert_eq!(bytes("64MiB"), Ok(64 << 20));
        assert_eq!(offset("4KiB"), Ok(4096));
        for text in ["", "MiB", "1MB", "-1", "1.5GiB", "99999999999GiB"] {
            bytes(text).expect_err(text);
        }
    }

    #[test]
    fn wrong_arguments_are_refused_with_code_2() {
        for line in [
            "",
            "copy --size 0",
            "copy --size 6GiB",
            "copy --concurrency 0",
            "copy --source-parts 10001",
            "copy --url https://localhost",
            "copy --rate nan",
            "copy --requests 5 --duration 2",
            "put --duration -1",
            "get --data /a --device /b",
            "list --keys 0",
            "mixed --mix post=1",
            "report",
            "paint",
        ] {
            let error = parse(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
