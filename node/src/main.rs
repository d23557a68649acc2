//! Room: the `tenon` program: its arguments, its allocator, its exit code.

use std::process::ExitCode;

use clap::Parser;
use node::config::{Arguments, Command};

/// Freed memory comes back quickly from other threads' frees, and large read buffers are cheap to make anew.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(flags) if flags.check_config => node::serve::check(&flags),
        Command::Serve(flags) => node::serve::run(flags, node::start::open),
        Command::Doctor(flags) => node::doctor::run(flags),
        Command::Fsck(flags) => node::fsck::run(flags),
    }
}
