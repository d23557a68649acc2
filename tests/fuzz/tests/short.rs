//! Room: the short run: each target on its seeds and on a fixed number of mutations of them.

use std::panic;

use fuzz::mutate::{Dice, mutation};
use fuzz::{TARGETS, Target};

/// Runs `target`, and shows the input if it finds something.
fn run(target: Target, what: &str, bytes: &[u8]) {
    if panic::catch_unwind(|| (target.run)(bytes)).is_err() {
        panic!(
            "{}, {what}: a promise is broken by {:?}",
            target.name,
            bytes.escape_ascii().to_string()
        );
    }
}

fn run_all(name: &str) {
    let target = Target::named(name).expect("there is a target of this name");
    let files = target.seeds();
    assert!(!files.is_empty(), "{name} has no seeds");
    for (path, bytes) in &files {
        run(target, &path.display().to_string(), bytes);
    }
    let seeds: Vec<&[u8]> = files.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    let mut dice = Dice::of(name.as_bytes());
    for number in 0..target.mutations {
        run(target, &format!("mutation {number}"), &mutation(&seeds, &mut dice));
    }
}

macro_rules! short_runs {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                run_all(stringify!($name));
            }
        )*

        #[test]
        fn every_target_has_a_short_run() {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

short_runs!(framing head copy_source range date tagging chunked xml signature post);
