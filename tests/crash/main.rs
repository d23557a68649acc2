//! Room: crashes at random moments under load, then a ledger of what had been acknowledged.
//!
//! Everything answered 200 is there and byte-equal; a request without an answer has happened wholly or not at
//! all. `TENON_TEST_SEED` repeats the load, though not the moment of the crash.

mod crew;
mod keeper;
mod kill;
mod ledger;
mod load;
mod power;
mod sources;

use std::env;

/// Settings of the node that rounds take in turns, so that every way of copying crashes.
const SETTINGS: [&[(&str, &str)]; 5] = [
    &[],
    // Small ranges of larger blobs are cloned where the file system can.
    &[("TENON_COPY_SHARE_MAX_BLOB", "2MiB")],
    &[("TENON_COPY_FORBID", "share,reflink")],
    &[("TENON_COPY_FORBID", "share,reflink,copy_file_range")],
    &[("TENON_COPY_ORDER", "reflink,share,rw")],
];

fn settings_of(round: u64) -> &'static [(&'static str, &'static str)] {
    let turns = u64::try_from(SETTINGS.len()).expect("few");
    SETTINGS[usize::try_from(round % turns).expect("few")]
}

fn number_from(variable: &str, default: u64) -> u64 {
    match env::var(variable) {
        Ok(text) => text.parse().expect("the variable is a number"),
        Err(_) => default,
    }
}
