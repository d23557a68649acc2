//! Room: the `tenon` program: its arguments, its allocator, its exit code.

use std::os::unix::process::CommandExt;
use std::process::ExitCode;
use std::{env, process};

use clap::Parser;
use node::config::{Arguments, BenchFlags, Command};

/// Freed memory comes back quickly from other threads' frees, and large read buffers are cheap to make anew.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(flags) if flags.check_config => node::serve::check(&flags),
        Command::Serve(flags) => node::serve::run(flags, node::start::open),
        Command::Doctor(flags) => node::doctor::run(flags),
        Command::Fsck(flags) => node::fsck::run(flags),
        Command::Bench(flags) => bench(&flags),
    }
}

/// Becomes the load generator beside this program. Returns only if that cannot be.
fn bench(flags: &BenchFlags) -> ExitCode {
    let beside = env::current_exe().map(|program| program.with_file_name("tenon-bench"));
    let error = match beside {
        Ok(path) => {
            let error = process::Command::new(&path).args(&flags.arguments).exec();
            format!("{}: {error}", path.display())
        }
        Err(error) => error.to_string(),
    };
    eprintln!("tenon bench: tenon-bench must lie beside this program: {error}");
    ExitCode::from(2)
}
