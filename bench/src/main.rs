//! Room: the `tenon-bench` program: its arguments, its exit code.

use std::process::ExitCode;

use bench::arguments::Arguments;
use clap::Parser;

fn main() -> ExitCode {
    bench::run::run(&Arguments::parse())
}
