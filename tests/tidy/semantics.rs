//! Room: SEMANTICS.md and the tests are twins: each rule that the one promises is named by a test, and each
//! rule that a test names is promised; every operation has its place in the document.
//!
//! A row of the document is "| `area/slug` | what Tenon promises |". A test names a rule in a comment that
//! begins with the word "rule", a colon and the id, or several ids with commas between.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use protocol::route::Operation;
use tenon_tests::source::{SourceFile, source_files, workspace};

/// What introduces the name of a rule in a test, after the mark of a comment.
const MARK: &str = concat!("ru", "le: ");

/// The heading behind which the operations stand that are answered with NotImplemented.
const NOT_BUILT: &str = "## Not built";

/// The heading of the table of deviations.
const DEVIATIONS: &str = "## Deviations from S3";

/// A rule of the document or of a test, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    id: String,
    place: String,
}

/// Lower-case words, an area and a slug, with a slash between.
fn well_formed(id: &str) -> bool {
    let word = |part: &str| {
        part.split('-').all(|word| {
            !word.is_empty()
                && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
    };
    id.split_once('/').is_some_and(|(area, slug)| word(area) && word(slug))
}

/// The rows of the document whose first cell is one name in backticks, with a promise in the second.
fn promised(document: &str) -> (Vec<Named>, Vec<String>) {
    let (mut rules, mut complaints) = (Vec::new(), Vec::new());
    for (at, line) in (1..).zip(document.lines()) {
        let Some(row) = line.strip_prefix("| `") else { continue };
        let place = format!("SEMANTICS.md:{at}");
        match row.split_once("` | ").map(|(id, rest)| (id, rest.strip_suffix(" |"))) {
            Some((id, Some(promise))) if !promise.trim().is_empty() => {
                rules.push(Named { id: id.to_owned(), place });
            }
            _ => complaints.push(format!("{place}: not a row \"| `area/slug` | promise |\"")),
        }
    }
    (rules, complaints)
}

/// Whether line `at` (counted from 0) of a file belongs to its tests.
fn in_tests(file: &SourceFile, at: usize) -> bool {
    let path = &file.path;
    path.starts_with("tests/")
        || path.contains("/tests/")
        || path.ends_with("/tests.rs")
        || file.text.lines().take(at).any(|line| matches!(line.trim(), "#[cfg(test)]" | "#[test]"))
}

/// The rules that tests name.
fn named(files: &[SourceFile]) -> (Vec<Named>, Vec<String>) {
    let (mut rules, mut complaints) = (Vec::new(), Vec::new());
    for file in files {
        let comment = if file.path.ends_with(".py") { "# " } else { "// " };
        for (at, line) in file.text.lines().enumerate() {
            let Some((_, ids)) = line.split_once(&format!("{comment}{MARK}")) else { continue };
            let place = format!("{}:{}", file.path, at + 1);
            if !in_tests(file, at) {
                complaints.push(format!("{place}: a rule is named by tests alone"));
            }
            let ids = ids.split(',').map(|id| id.trim().to_owned());
            rules.extend(ids.map(|id| Named { id, place: place.clone() }));
        }
    }
    (rules, complaints)
}

fn differences(promised: &[Named], named: &[Named]) -> Vec<String> {
    let mut complaints = Vec::new();
    for rule in promised.iter().chain(named).filter(|rule| !well_formed(&rule.id)) {
        complaints.push(format!("{}: \"{}\" is not area/slug", rule.place, rule.id));
    }
    let mut first = BTreeMap::new();
    for rule in promised {
        if let Some(earlier) = first.insert(&rule.id, &rule.place) {
            complaints
                .push(format!("{}: {} is promised in {earlier} already", rule.place, rule.id));
        }
    }
    let tested: BTreeSet<&String> = named.iter().map(|rule| &rule.id).collect();
    for rule in promised.iter().filter(|rule| !tested.contains(&rule.id)) {
        complaints.push(format!("{}: no test names {}", rule.place, rule.id));
    }
    for rule in named.iter().filter(|rule| !first.contains_key(&rule.id)) {
        complaints.push(format!("{}: SEMANTICS.md does not promise {}", rule.place, rule.id));
    }
    complaints
}

/// The operations of S3 that the router knows and does not build.
fn not_built(router: &str) -> BTreeSet<String> {
    let code = router.split("#[cfg(test)]").next().unwrap_or_default();
    let calls = ["later(", "not_built("].map(|call| code.split(call).skip(1));
    let mut names = BTreeSet::new();
    for rest in calls.into_iter().flatten() {
        let inside = rest.split(')').next().unwrap_or_default();
        if let Some(name) = inside.split('"').skip(1).step_by(2).last() {
            names.insert(name.to_owned());
        }
    }
    names
}

/// The document against the operations: each that is built has one heading of the third level, each
/// that is not stands behind [`NOT_BUILT`] in backticks.
fn misplaced(document: &str, built: &[&str], not_built: &BTreeSet<String>) -> Vec<String> {
    let mut complaints = Vec::new();
    let headings = document.lines().filter_map(|line| line.strip_prefix("### "));
    let headed: Vec<&str> = headings.flat_map(|heading| heading.split(", ")).collect();
    for name in built {
        let count = headed.iter().filter(|headed| *headed == name).count();
        if count != 1 {
            complaints.push(format!("SEMANTICS.md: {count} headings \"### {name}\""));
        }
    }
    for name in headed.iter().filter(|name| !built.contains(name)) {
        complaints.push(format!("SEMANTICS.md: a heading of {name}, which is not built"));
    }
    let list = document.split_once(NOT_BUILT).map_or("", |(_, list)| list);
    let listed: BTreeSet<String> = list
        .lines()
        .filter_map(|line| line.strip_prefix("- "))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect();
    for name in not_built.difference(&listed) {
        complaints.push(format!("SEMANTICS.md: {name} is missing behind \"{NOT_BUILT}\""));
    }
    for name in listed.difference(not_built) {
        complaints.push(format!("SEMANTICS.md: {name} is not an operation that is not built"));
    }
    complaints
}

/// The operations of which the document promises nothing.
fn disorder(document: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let (mut heading, mut rules) = (None, 0);
    for line in document.lines().chain(["## The end"]) {
        if line.starts_with('#') {
            if let Some(name) = heading.filter(|_| rules == 0) {
                complaints.push(format!("SEMANTICS.md: no rule of {name}"));
            }
            (heading, rules) = (line.strip_prefix("### "), 0);
        }
        rules += usize::from(line.starts_with("| `"));
    }
    complaints
}

/// The deviations that do not say where, what and why.
fn unreasoned(document: &str) -> Vec<String> {
    let (_, section) = document.split_once(DEVIATIONS).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).collect();
    let incomplete = |row: &&&str| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        cells.len() != 5 || cells[1..4].iter().any(|cell| cell.is_empty())
    };
    let complaint = |row: &&str| format!("SEMANTICS.md: a deviation needs where, what, why: {row}");
    let mut complaints: Vec<String> = rows.iter().filter(incomplete).map(complaint).collect();
    if rows.is_empty() {
        complaints.push(format!("SEMANTICS.md: no rows behind \"{DEVIATIONS}\""));
    }
    complaints
}

/// The tests of clients, which are Python.
fn python_files() -> Vec<SourceFile> {
    let folder = workspace().join("tests/clients");
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the workspace can be read") {
        let path = entry.expect("a folder of the workspace can be read").path();
        if path.extension().is_some_and(|extension| extension == "py") {
            files.push(SourceFile {
                path: format!("tests/clients/{}", path.file_name().expect("a name").display()),
                text: fs::read_to_string(&path).expect("source is UTF-8"),
            });
        }
    }
    files
}

fn document() -> String {
    fs::read_to_string(workspace().join("SEMANTICS.md")).expect("the document of semantics")
}

#[test]
fn every_rule_is_promised_and_tested() {
    let mut files = python_files();
    for folder in ["protocol", "meta", "node", "tests"] {
        files.extend(source_files(folder));
    }
    let (promised, mut complaints) = promised(&document());
    let (named, outside) = named(&files);
    assert!(!promised.is_empty() && !named.is_empty(), "there are rules");
    complaints.extend(outside);
    complaints.extend(differences(&promised, &named));
    super::assert_none(&complaints);
}

#[test]
fn every_operation_has_its_place() {
    let router = fs::read_to_string(workspace().join("protocol/src/route.rs")).expect("the router");
    let not_built = not_built(&router);
    assert!(not_built.contains("PutBucketPolicy") && not_built.contains("ListDirectoryBuckets"));
    let built: Vec<&str> = Operation::ALL.iter().map(|operation| operation.name()).collect();
    super::assert_none(&misplaced(&document(), &built, &not_built));
}

#[test]
fn the_document_is_in_order() {
    super::assert_none(&disorder(&document()));
    super::assert_none(&unreasoned(&document()));
}

#[test]
fn planted_differences_are_found() {
    let rule = |id: &str| Named { id: id.to_owned(), place: String::new() };
    let file = |path: &str, text: String| SourceFile { path: path.to_owned(), text };
    for id in ["put/if-match-404", "copy-source/a"] {
        assert!(well_formed(id), "{id}");
    }
    for id in ["put", "put/", "/a", "put/A", "put/a/b", "put/a b", "put/a--b", "put/a_b", ""] {
        assert!(!well_formed(id), "{id}");
    }

    let (rules, complaints) =
        promised("| rule |\n| `put/a` | Yes. |\n| `put/b` |  |\n| `put/c` x\n");
    assert_eq!(rules, [Named { id: "put/a".into(), place: "SEMANTICS.md:2".into() }]);
    assert_eq!(complaints.len(), 2);

    let text = format!("fn f() {{}} // {MARK}put/a, put/b\n#[cfg(test)]\n// {MARK}put/c\n");
    let (rules, complaints) = named(&[file("node/src/a.rs", text)]);
    let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!((ids, complaints.len()), (vec!["put/a", "put/b", "put/c"], 1));
    let python = file("tests/clients/a.py", format!("# {MARK}put/a\n// {MARK}put/b"));
    assert_eq!(named(&[python]).0.len(), 1);

    let (one, two) = ([rule("put/a"), rule("put/b")], [rule("put/b"), rule("put/c")]);
    assert_eq!(differences(&one, &one), [""; 0]);
    assert_eq!(differences(&one, &two).len(), 2);
    assert_eq!(differences(&[rule("put/a"), rule("put/a")], &one[..1]).len(), 1);

    let router =
        "not_built(\"B\")\nlater(\n\"acl\",\n\"GET\",\n\"A\",\n)\n#[cfg(test)]\nlater(\"C\")";
    let missing = not_built(router);
    assert_eq!(missing, BTreeSet::from(["A".to_owned(), "B".to_owned()]));
    let document = "### Put, Get\n## Not built\n- x: `A`, `B`\n";
    assert_eq!(misplaced(document, &["Put", "Get"], &missing), [""; 0]);
    assert_eq!(misplaced(document, &["Put"], &missing).len(), 1);
    assert_eq!(misplaced(document, &["Put", "Get", "Head"], &missing).len(), 1);
    assert_eq!(misplaced("### Put\n## Not built\n- `A`, `C`", &["Put"], &missing).len(), 2);
}
