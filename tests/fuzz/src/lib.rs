//! Room: fuzz targets: functions that take any bytes at all, read them as a client's, and panic where a promise of
//! the reader is broken.
//!
//! Each target holds against what it reads something that was made another way: a second reader, what was written,
//! the same bytes in other pieces. `cargo test` runs the seeds and a fixed number of mutations of them;
//! `scripts/fuzz` looks for inputs that reach new code.
//! Must not: need a file, a socket or a store; so it depends on `protocol` alone, and an instrumented build is quick.

use std::fs;
use std::path::{Path, PathBuf};

pub mod mutate;
mod readers;

/// Something that reads bytes of clients.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folder of seeds.
    pub name: &'static str,
    /// Reads an input. Panics if that breaks a promise; nothing else is a fault.
    pub run: fn(&[u8]),
    /// How many mutations `cargo test` tries.
    pub mutations: u32,
}

impl Target {
    /// The target of this name.
    pub fn named(name: &str) -> Option<Self> {
        TARGETS.into_iter().find(|target| target.name == name)
    }

    /// Its seeds: the files of `seeds/<name>`, in order of their names.
    pub fn seeds(self) -> Vec<(PathBuf, Vec<u8>)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(self.name);
        let entries = fs::read_dir(&folder).expect("each target has a folder of seeds");
        let mut files: Vec<PathBuf> =
            entries.map(|entry| entry.expect("the folder can be read").path()).collect();
        files.sort();
        files
            .into_iter()
            .map(|path| {
                let bytes = fs::read(&path).expect("a seed can be read");
                (path, bytes)
            })
            .collect()
    }
}

/// All targets.
pub const TARGETS: [Target; 10] = [
    Target { name: "framing", run: readers::framing::run, mutations: 3000 },
    Target { name: "head", run: readers::head::run, mutations: 3000 },
    Target { name: "copy_source", run: readers::copy_source::run, mutations: 5000 },
    Target { name: "range", run: readers::range::run, mutations: 10_000 },
    Target { name: "date", run: readers::date::run, mutations: 10_000 },
    Target { name: "tagging", run: readers::tagging::run, mutations: 5000 },
    Target { name: "chunked", run: readers::chunked::run, mutations: 2000 },
    Target { name: "xml", run: readers::xml::run, mutations: 3000 },
    Target { name: "signature", run: readers::signature::run, mutations: 1000 },
    Target { name: "post", run: readers::post::run, mutations: 3000 },
];
