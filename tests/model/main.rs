//! Room: the model: random stories told to a node in memory and to a reference that is written from what S3 promises;
//! every answer must be the same, to the header, the element and the byte.
//!
//! `TENON_TEST_MODEL_STORIES` says how many stories, `TENON_TEST_SEED` which is the first of them; so a difference is
//! seen again by `TENON_TEST_SEED=… TENON_TEST_MODEL_STORIES=1`.

#![expect(
    clippy::needless_pass_by_value,
    reason = "whoever puts a document together may give numbers, names and texts as they are"
)]

mod choice;
mod content;
mod coverage;
mod names;
mod node;
mod reference;
mod request;
mod story;
mod wire;
mod xml;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::coverage::Coverage;
use crate::story::{Planted, in_words, shrunk, steps, tell};

/// Stories that are told unless somebody says otherwise.
const STORIES: u64 = 100;

/// Steps of a story: enough for several versions of each key, few enough for pages to be looked through.
const STEPS: usize = 200;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}

/// What is wrong in the story of a seed, in words.
fn difference(seed: u64, planted: Option<Planted>, coverage: &mut Coverage) -> Option<String> {
    let story = steps(seed, STEPS);
    let first = tell(&story, planted, coverage).err()?;
    if planted.is_some() {
        return Some(first.what);
    }
    let short = shrunk(&story, &first, planted);
    let last = tell(&short, planted, coverage).err().unwrap_or(first);
    let words = in_words(&short[..short.len().min(last.step + 1)]);
    Some(format!(
        "TENON_TEST_SEED={seed}, step {} of the shortest story:\n{words}  {}",
        last.step, last.what
    ))
}

#[test]
fn node_and_reference_answer_alike() {
    node::quiet();
    let first = number("TENON_TEST_SEED").unwrap_or(0);
    let stories = number("TENON_TEST_MODEL_STORIES").unwrap_or(STORIES);
    let next = AtomicU64::new(first);
    let (found, all) = (Mutex::new(Vec::new()), Mutex::new(Coverage::default()));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut coverage = Coverage::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + stories || !found.lock().expect("no panic").is_empty() {
                        break;
                    }
                    if let Some(what) = difference(seed, None, &mut coverage) {
                        found.lock().expect("no panic").push(what);
                    }
                }
                all.lock().expect("no panic").add(coverage);
            });
        }
    });
    let found = found.into_inner().expect("no panic");
    assert!(found.is_empty(), "{}", found.join("\n\n"));
    let coverage = all.into_inner().expect("no panic");
    println!("{coverage}{stories} stories of {STEPS} steps from seed {first} on");
    if (first, stories) == (0, STORIES) {
        let missing = coverage.missing();
        assert!(missing.is_empty(), "the stories hardly tell of {missing:#?}");
    }
}

#[test]
fn a_wrong_answer_is_noticed() {
    node::quiet();
    for planted in [Planted::Byte, Planted::Entry, Planted::Header, Planted::Delete, Planted::Code]
    {
        let seed = (0..20)
            .find(|seed| difference(*seed, Some(planted), &mut Coverage::default()).is_some());
        assert!(seed.is_some(), "{planted:?} went unnoticed");
    }
}
