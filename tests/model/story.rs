//! Room: a story: steps from a seed, told to the node and to the reference, until they differ; and the shortest story
//! that still does.

use std::cell::Cell;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tenon_tests::random::{Random, mix};

use crate::coverage::Coverage;
use crate::names::Names;
use crate::node::{BEGINNING_MS, Node};
use crate::reference::Reference;
use crate::request::{self, Kind};
use crate::wire::{Answer, Ask, Body, Told};

/// One step; the seed draws what it asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) kind: Kind,
    seed: u64,
}

/// A wrong answer that is planted, so that it can be seen that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Planted {
    /// A byte of a body is another one.
    Byte,
    /// The last entry of a listing is not told.
    Entry,
    /// A header has another value.
    Header,
    /// A delete is answered but not done.
    Delete,
    /// An error has another code.
    Code,
}

/// What was asked and how the answers differ.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) step: usize,
    pub(crate) what: String,
}

/// The steps of a seed.
pub(crate) fn steps(seed: u64, count: usize) -> Vec<Step> {
    let mut random = Random::from_seed(mix(seed));
    let beginning = request::beginning(&mut random);
    let mut steps: Vec<Step> = beginning.into_iter().map(|kind| Step { kind, seed: 0 }).collect();
    while steps.len() < count {
        let kind = request::kind(&mut random);
        steps.push(Step { kind, seed: random.next_u64() | 1 });
    }
    steps
}

/// Tells a story; says where node and reference first differ.
///
/// # Errors
/// The difference.
pub(crate) fn tell(
    steps: &[Step],
    planted: Option<Planted>,
    coverage: &mut Coverage,
) -> Result<(), Difference> {
    let step = Cell::new(0);
    let told = catch_unwind(AssertUnwindSafe(|| tell_until(steps, planted, &step, coverage)));
    told.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("panic");
        Err(Difference { step: step.get(), what: format!("a panic: {text}") })
    })
}

fn tell_until(
    steps: &[Step],
    planted: Option<Planted>,
    reached: &Cell<usize>,
    coverage: &mut Coverage,
) -> Result<(), Difference> {
    let (mut node, mut names) = (Node::new(steps.len() as u64), Names::default());
    let mut reference = Reference::new();
    let mut now = BEGINNING_MS;
    for (place, step) in steps.iter().enumerate() {
        reached.set(place);
        // Mostly less than a second goes by: dates have whole ones.
        now += 1 + mix(step.seed) % 700;
        node.time.now.set(now);
        reference.now = now;
        let differs = |what: String| Difference { step: place, what };
        if step.kind == Kind::Tidy {
            node.tidy();
            let broken = node.broken();
            if broken.is_empty() {
                continue;
            }
            return Err(differs(format!("the records are not in order: {broken:#?}")));
        }
        let ask = request::request(step.kind, step.seed, &reference, &names);
        let Some(ask) = ask else { continue };
        if planted == Some(Planted::Delete) && ask.method == "DELETE" && place % 2 == 0 {
            reference.answer(&ask);
            continue;
        }
        let Some(answered) = node.send(&ask, &names) else { continue };
        let bucket = ask.bucket.as_ref().and_then(|name| reference.buckets.get(name));
        let before = bucket.map(|bucket| bucket.versioning);
        let expected = reference.answer(&ask);
        coverage.count(step.kind, &ask, before, &expected);
        let told = |actual: &str, names: &Names| {
            let (ask, expected) = (shown(&ask, names), shown_answer(&expected, names));
            differs(format!("{ask}\n  expected {expected}\n  answered {actual}"))
        };
        let mut actual = answered.map_err(|wrong| told(&wrong, &names))?;
        plant(planted, &mut actual);
        if let Err(why) = compare(&expected, &actual, &mut names) {
            return Err(told(
                &format!("{}\n  differs {why}", shown_answer(&actual, &names)),
                &names,
            ));
        }
    }
    node.tidy();
    let broken = node.broken();
    if broken.is_empty() {
        return Ok(());
    }
    Err(Difference {
        step: steps.len(),
        what: format!("the records are not in order: {broken:#?}"),
    })
}

/// The shortest story of these that still differs, by leaving out more and more single steps.
pub(crate) fn shrunk(steps: &[Step], first: &Difference, planted: Option<Planted>) -> Vec<Step> {
    let mut short = steps[..steps.len().min(first.step + 1)].to_vec();
    let mut chunk = short.len() / 2;
    while chunk > 0 {
        let mut end = short.len();
        while end > 0 {
            let begin = end.saturating_sub(chunk);
            let mut tried = short.clone();
            tried.drain(begin..end);
            if let Err(difference) = tell(&tried, planted, &mut Coverage::default()) {
                tried.truncate(difference.step + 1);
                short = tried;
            }
            end = begin.min(short.len());
        }
        chunk /= 2;
    }
    short
}

/// The story in words: each request and what it was answered with, and the first that was not well answered.
pub(crate) fn in_words(steps: &[Step]) -> String {
    let (mut node, mut names) = (Node::new(steps.len() as u64), Names::default());
    let mut reference = Reference::new();
    let (mut now, mut words) = (BEGINNING_MS, String::new());
    for step in steps {
        now += 1 + mix(step.seed) % 700;
        node.time.now.set(now);
        reference.now = now;
        let Some(ask) = request::request(step.kind, step.seed, &reference, &names) else {
            node.tidy();
            words.push_str("    tidy\n");
            continue;
        };
        let sent = catch_unwind(AssertUnwindSafe(|| node.send(&ask, &names)));
        let Ok(sent) = sent else {
            writeln!(words, "    {} -> panic", shown(&ask, &names)).expect("a string takes all");
            return words;
        };
        let Some(answered) = sent else { continue };
        let expected = reference.answer(&ask);
        let status = answered.map(|actual| {
            compare(&expected, &actual, &mut names).ok();
            actual.status
        });
        writeln!(words, "    {} -> {status:?}", shown(&ask, &names)).expect("a string takes all");
    }
    words
}

fn plant(planted: Option<Planted>, actual: &mut Answer) {
    match (planted, &mut actual.body) {
        (Some(Planted::Byte), Told::Bytes(bytes)) if bytes.len() > 100 => {
            let mut other = bytes.to_vec();
            other[77] ^= 1;
            *bytes = other.into();
        }
        (Some(Planted::Entry), Told::Document(root)) if root.name.starts_with("List") => {
            root.children.pop();
        }
        (Some(Planted::Code), Told::Document(root)) if root.get("Code") == Some("NoSuchKey") => {
            root.children[0].text = "NoSuchBucket".into();
        }
        (Some(Planted::Header), _) => {
            for (name, value) in &mut actual.headers {
                if name == "last-modified" {
                    *value = value.replace("26", "27");
                }
            }
        }
        _ => {}
    }
}

/// Headers that are of no account here.
const IGNORED: [&str; 1] = ["x-tenon-copy-way"];

/// Compares an answer with what was expected, and learns the names in it.
fn compare(expected: &Answer, actual: &Answer, names: &mut Names) -> Result<(), String> {
    if expected.status != actual.status {
        return Err("the status".into());
    }
    let sorted = |answer: &Answer| {
        let kept = answer.headers.iter().filter(|(name, _)| !IGNORED.contains(&name.as_str()));
        let mut headers: Vec<(String, String)> = kept.cloned().collect();
        headers.sort();
        headers
    };
    let (wanted, got) = (sorted(expected), sorted(actual));
    let listed = |headers: &[(String, String)]| {
        headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    if listed(&wanted) != listed(&got) {
        return Err(format!("the headers: {:?} instead of {:?}", listed(&got), listed(&wanted)));
    }
    for ((name, wanted), (_, got)) in wanted.iter().zip(&got) {
        if !names.unify(wanted, got) {
            return Err(format!("{name}: {got:?} instead of {:?}", names.shown(wanted)));
        }
    }
    match (&expected.body, &actual.body) {
        (Told::Bytes(wanted), Told::Bytes(got)) if wanted == got => Ok(()),
        (Told::Bytes(wanted), Told::Nothing) if wanted.is_empty() => Ok(()),
        (Told::Nothing, Told::Bytes(got)) if got.is_empty() => Ok(()),
        (Told::Nothing, Told::Nothing) => Ok(()),
        (Told::Document(wanted), Told::Document(got)) => {
            same(&wanted.clone().sorted(), &got.clone().sorted(), "", names)
        }
        (Told::Bytes(wanted), Told::Bytes(got)) => {
            let first = wanted.iter().zip(got).position(|(one, other)| one != other);
            Err(format!("{} bytes instead of {}, first at {first:?}", got.len(), wanted.len()))
        }
        _ => Err("the form of the body".into()),
    }
}

fn same(
    wanted: &crate::xml::Node,
    got: &crate::xml::Node,
    path: &str,
    names: &mut Names,
) -> Result<(), String> {
    let path = format!("{path}/{}", got.name);
    let listed = |node: &crate::xml::Node| {
        node.children.iter().map(|child| child.name.clone()).collect::<Vec<_>>()
    };
    if wanted.name != got.name || listed(wanted) != listed(got) {
        return Err(format!("{path}: {:?} instead of {:?}", listed(got), listed(wanted)));
    }
    if !names.unify(&wanted.text, &got.text) {
        return Err(format!("{path}: {:?} instead of {:?}", got.text, names.shown(&wanted.text)));
    }
    let pairs = wanted.children.iter().zip(&got.children);
    pairs.into_iter().try_for_each(|(wanted, got)| same(wanted, got, &path, names))
}

fn shown(ask: &Ask, names: &Names) -> String {
    let mut text = format!("{} {:?} {:?}", ask.method, ask.bucket.as_deref(), ask.key.as_deref());
    let mut add = |what: &str, name: &str, value: &str| {
        write!(text, " {what}{name}={:?}", names.shown(value)).expect("a string takes all");
    };
    ask.query.iter().for_each(|(name, value)| add("?", name, value));
    ask.headers.iter().for_each(|(name, value)| add("", name, value));
    if let Some(source) = &ask.source {
        let version = source.version.as_deref().unwrap_or("-");
        add("from ", &format!("{}/{}", source.bucket, source.key), version);
    }
    match &ask.body {
        Body::Empty => {}
        Body::Content(content) => text.push_str(&format!(" [{content:?}]")),
        Body::Document(root) => text.push_str(&format!(" {}", names.shown(&root.to_text()))),
    }
    text
}

fn shown_answer(answer: &Answer, names: &Names) -> String {
    let headers = answer.headers.iter().map(|(name, value)| (name, names.shown(value)));
    let mut headers: Vec<_> = headers.collect();
    headers.sort();
    let body = match &answer.body {
        Told::Nothing => "nothing".to_owned(),
        Told::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Told::Document(root) => names.shown(&root.to_text()),
    };
    format!("{} {headers:?} {body}", answer.status)
}
