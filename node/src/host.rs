//! Room: what the host must offer before anything starts, and the sentence that says what to change if it
//! does not.
//!
//! May touch: this process's limits (soft up to hard) and its umask.
//! Source: io_uring_setup(2), kernel.io_uring_disabled (kernel documentation, sysctl/kernel), getrlimit(2).

use std::fmt;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};

use crate::config::Config;
use crate::log;
use crate::shard::run::{ProbeError, probe, shard_count};

/// Why the node cannot run on this host, in words that say what to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostError(String);

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for HostError {}

/// Makes files private, raises the limits as far as this process may, and tries io_uring. Where there are
/// descriptors for fewer connections than configured, only so many will be accepted.
pub fn prepare(config: &mut Config) -> Result<(), HostError> {
    umask(Mode::from_raw_mode(0o077));
    raise(Resource::Nofile, "open_files");
    raise(Resource::Memlock, "locked_memory");
    let wanted = config.http.max_connections;
    let connections = connections(wanted, getrlimit(Resource::Nofile).current)?;
    if connections < wanted {
        let advice = "raise the limit of open files (ulimit -n, LimitNOFILE=, --ulimit nofile)";
        let fields: [log::Field<'_>; 3] =
            [("wanted", &wanted), ("allowed", &connections), ("advice", &advice)];
        log::warn("fewer_connections", &fields);
        config.http.max_connections = connections;
    }
    check_memlock(getrlimit(Resource::Memlock).current, shard_count(config))?;
    check_io_uring()
}

/// Whether an executor can be made here.
pub(crate) fn check_io_uring() -> Result<(), HostError> {
    let setting = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled").ok();
    probe().map_err(|error| HostError(explain(&error, setting.as_deref().map(str::trim))))
}

/// Raises the soft limit to the hard one. What that comes to is checked afterwards.
fn raise(resource: Resource, name: &'static str) {
    let limit = getrlimit(resource);
    if limit.current == limit.maximum {
        return;
    }
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(resource, raised) {
        log::warn("limit_not_raised", &[("limit", &name), ("error", &error)]);
    }
}

/// The connections that a limit of open files leaves room for, at most `wanted`: each is a descriptor, and so
/// is each file in use.
pub(crate) fn connections(wanted: usize, limit: Option<u64>) -> Result<usize, HostError> {
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    if limit < DESCRIPTORS_MIN {
        return Err(HostError(format!(
            "the limit of open files is {limit}, at least {DESCRIPTORS_MIN} are needed: raise it \
             (ulimit -n, LimitNOFILE= in a systemd unit, --ulimit nofile of a container)"
        )));
    }
    Ok(wanted.min(limit - DESCRIPTORS_BESIDE_CONNECTIONS.min(limit / 2)))
}

/// Whether this limit of locked memory lets the rings of so many shards be; none always does.
pub(crate) fn check_memlock(limit: Option<u64>, shards: usize) -> Result<(), HostError> {
    let needed = MEMLOCK_MIN.max(MEMLOCK_PER_SHARD * shards as u64);
    match limit {
        Some(have) if have < needed => Err(HostError(format!(
            "the limit of locked memory is {} KiB, and io_uring needs at least {} KiB for {shards} shards: raise it \
             (ulimit -l, LimitMEMLOCK=infinity in a systemd unit, --ulimit memlock=-1 of a container)",
            have / 1024,
            needed / 1024
        ))),
        _ => Ok(()),
    }
}

/// `setting` is the value of kernel.io_uring_disabled, if the kernel has it.
fn explain(error: &ProbeError, setting: Option<&str>) -> String {
    const EPERM: i32 = 1;
    const ENOMEM: i32 = 12;
    const ENOSYS: i32 = 38;
    let advice = match (error.code, setting) {
        (_, Some("2")) => {
            "the host has it switched off for everybody: sysctl kernel.io_uring_disabled=0"
        }
        (Some(EPERM), Some("1")) => {
            "the host allows it to one group only: sysctl kernel.io_uring_disabled=0, or run as a \
             member of the group of kernel.io_uring_group"
        }
        (Some(EPERM), _) => {
            "a seccomp profile forbids it, as that of most containers does: allow io_uring_setup, \
             io_uring_enter and io_uring_register"
        }
        (Some(ENOSYS), _) => "the kernel does not have it: Linux 5.8 or later is needed",
        (Some(ENOMEM), _) => {
            "the limit of locked memory is too low: raise it (ulimit -l, LimitMEMLOCK=infinity)"
        }
        _ => "see the error above",
    };
    format!("io_uring cannot be used ({}): {advice}", error.text)
}

/// Blob files, meta files, folders, rings and the admin socket.
const DESCRIPTORS_BESIDE_CONNECTIONS: usize = 2048;
const DESCRIPTORS_MIN: usize = 512;
/// What one executor's rings need where the kernel still counts them.
const MEMLOCK_MIN: u64 = 512 * 1024;
/// 64 shards start with 3 MiB and not with 2.5 MiB (Linux 6.18, which counts rings).
const MEMLOCK_PER_SHARD: u64 = 48 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_says_what_to_change() {
        let error = |code| ProbeError { code, text: "refused".into() };
        assert!(explain(&error(Some(1)), Some("2")).contains("io_uring_disabled=0"));
        assert!(explain(&error(Some(1)), Some("1")).contains("io_uring_group"));
        assert!(explain(&error(Some(1)), Some("0")).contains("seccomp"));
        assert!(explain(&error(Some(38)), None).contains("5.8"));
        assert!(explain(&error(Some(12)), None).contains("LimitMEMLOCK"));
        assert!(explain(&error(None), None).contains("refused"));
    }

    #[test]
    fn low_limits_are_refused() {
        let text = check_memlock(Some(64 * 1024), 2).expect_err("too low").to_string();
        assert!(text.contains("64 KiB"), "{text}");
        assert_eq!(check_memlock(Some(8 << 20), 2), Ok(()));
        assert_eq!(check_memlock(Some(3 << 20), 64), Ok(()));
        let text = check_memlock(Some(2 << 20), 64).expect_err("too low").to_string();
        assert!(text.contains("3072 KiB for 64 shards"), "{text}");
        assert_eq!(check_memlock(None, 1024), Ok(()));
        let text = connections(10_000, Some(256)).expect_err("too low").to_string();
        assert!(text.contains("ulimit -n"), "{text}");
        assert_eq!(connections(10_000, Some(1024)), Ok(512));
        assert_eq!(connections(10_000, Some(8192)), Ok(6144));
        assert_eq!(connections(10_000, Some(1 << 20)), Ok(10_000));
        assert_eq!(connections(10_000, None), Ok(10_000));
    }
}
