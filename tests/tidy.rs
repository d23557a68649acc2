//! Room: rules about the source text that keep the rooms apart.
//!
//! Each rule is a function from files to complaints, so that `planted_faults_are_found` can prove that it
//! complains. What a rule allows is a list at the top of this file; a longer list is a change of the design.

use std::fs;

use tenon_tests::source::{SourceFile, Token, source_files, workspace};

#[path = "tidy/semantics.rs"]
mod semantics;

/// Crates that only these files and folders may name.
const NAMED_ONLY_IN: [(&str, &[&str]); 4] = [
    (
        "glommio",
        &[
            "node/src/shard/run.rs",
            "node/src/shard/sleep.rs",
            "node/src/disk/glommio.rs",
            "node/src/disk/buffer.rs",
            "node/src/http/listen.rs",
            "node/src/http/adapter.rs",
        ],
    ),
    ("hyper", &["node/src/http/"]),
    ("rocksdb", &["meta/src/rocks.rs"]),
    (
        "tokio_uring",
        &[
            "bench/src/arrival.rs",
            "bench/src/http.rs",
            "bench/src/load.rs",
            "bench/src/scenario/site.rs",
        ],
    ),
];

/// The files that may contain unsafe code: system calls, the way from sockets to hyper, and vectors.
const UNSAFE_ONLY_IN: &[&str] =
    &["node/src/disk/raw.rs", "node/src/http/adapter.rs", "node/src/digest/x86.rs"];

/// What `meta` may use of `protocol`: words, never messages.
const VOCABULARY: &[&str] = &[
    "checksum",
    "crc",
    "etag",
    "limits",
    "metadata",
    "name",
    "part",
    "range",
    "tagging",
    "time",
    "lock",
    "storage_class",
    "versioning",
];

/// Which crates of the workspace each may depend on.
const ARROWS: [(&str, &[&str]); 6] = [
    ("protocol", &[]),
    ("meta", &["protocol"]),
    ("node", &["meta", "protocol"]),
    ("bench", &["protocol"]),
    ("tests", &["meta", "node", "protocol"]),
    // An instrumented build shall not need a store.
    ("tests/fuzz", &["protocol"]),
];

/// A door sign says what a room is; what is longer belongs to the things inside.
const DOOR_SIGN_LINES_MAX: usize = 15;

/// Above this many lines without tests a file is reported, above the second it is refused.
const FILE_LINES_REPORTED: usize = 500;
const FILE_LINES_MAX: usize = 1000;

fn all_files() -> Vec<SourceFile> {
    // What lies in another crate's folder is found there.
    let folders = ARROWS.iter().map(|(folder, _)| folder).filter(|folder| !folder.contains('/'));
    folders.flat_map(|folder| source_files(folder)).collect()
}

/// A path rule: an entry ending in `/` allows a whole folder.
fn allowed(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| match place.strip_suffix('/') {
        Some(_) => path.starts_with(place),
        None => path == *place,
    })
}

/// Whether the token at `at` names an external crate called `name`: the root of a path, or imported.
fn names_crate(tokens: &[Token], at: usize, name: &str) -> bool {
    let text = |index: Option<usize>| index.and_then(|i| tokens.get(i)).map_or("", |t| &*t.text);
    if text(Some(at)) != name {
        return false;
    }
    let (before, after) = (text(at.checked_sub(1)), text(Some(at + 1)));
    let rooted = before != "::" || !is_word(text(at.checked_sub(2)));
    rooted && (after == "::" || after == "as" || before == "use" || before == "crate")
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_' || first == '>')
        && text != "use"
}

fn crates_named_elsewhere(files: &[SourceFile]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        let tokens = file.tokens();
        for (name, places) in NAMED_ONLY_IN {
            for at in 0..tokens.len() {
                if !allowed(&file.path, places) && names_crate(&tokens, at, name) {
                    let line = tokens[at].line;
                    complaints.push(format!("{}:{line}: names {name}", file.path));
                }
            }
        }
    }
    complaints
}

fn unsafe_elsewhere(files: &[SourceFile]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| !allowed(&file.path, UNSAFE_ONLY_IN)) {
        for token in file.tokens().iter().filter(|token| token.text == "unsafe") {
            complaints.push(format!("{}:{}: unsafe code", file.path, token.line));
        }
    }
    complaints
}

fn wrong_door_signs(files: &[SourceFile]) -> Vec<String> {
    let mut complaints = Vec::new();
    // A file of tests stands behind the door of the module that it tests.
    for file in files.iter().filter(|file| !file.path.ends_with("/tests.rs")) {
        let sign = file.text.lines().take_while(|line| line.starts_with("//!")).count();
        if !(1..=DOOR_SIGN_LINES_MAX).contains(&sign) {
            let path = &file.path;
            complaints
                .push(format!("{path}:1: a door sign (//! …) of {sign} lines, not of 1 to 15"));
        }
    }
    complaints
}

fn left_undone(files: &[SourceFile]) -> Vec<String> {
    let words = [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X")];
    let macros = ["todo", "unimplemented", "dbg"];
    let mut complaints = Vec::new();
    for file in files {
        for (index, line) in file.text.lines().enumerate() {
            let mut parts = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            if parts.any(|part| words.contains(&part)) {
                complaints.push(format!("{}:{}: a note of work left undone", file.path, index + 1));
            }
        }
        for pair in file.tokens().windows(2) {
            if macros.contains(&&*pair[0].text) && pair[1].text == "!" {
                complaints.push(format!("{}:{}: {}!", file.path, pair[0].line, pair[0].text));
            }
        }
    }
    complaints
}

/// The names right behind `protocol::` in a file, a group in braces included.
fn names_behind(tokens: &[Token], root: &str) -> Vec<Token> {
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        if !names_crate(tokens, at, root) || tokens.get(at + 1).is_none_or(|t| t.text != "::") {
            continue;
        }
        let Some(next) = tokens.get(at + 2) else { continue };
        if next.text != "{" {
            found.push(next.clone());
            continue;
        }
        let mut depth = 0_usize;
        for pair in tokens[at + 2..].windows(2) {
            match &*pair[0].text {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            if depth == 1 && matches!(&*pair[0].text, "{" | ",") && is_word(&pair[1].text) {
                found.push(pair[1].clone());
            }
        }
    }
    found
}

fn messages_in_meta(files: &[SourceFile]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.path.starts_with("meta/src/")) {
        for token in names_behind(&file.tokens(), "protocol") {
            if !VOCABULARY.contains(&&*token.text) {
                let (path, line, name) = (&file.path, token.line, token.text);
                complaints.push(format!("{path}:{line}: meta uses protocol::{name}"));
            }
        }
    }
    complaints
}

/// The room without machine: what has no clock and no thread can be replayed.
fn machine_in_pure_rooms(files: &[SourceFile]) -> Vec<String> {
    let machine = ["SystemTime", "Instant", "TcpStream", "TcpListener"];
    let pure = |file: &&SourceFile| {
        file.path.starts_with("protocol/src/") || file.path.starts_with("meta/src/")
    };
    let mut complaints = Vec::new();
    for file in files.iter().filter(pure).filter(|file| file.path != "meta/src/rocks.rs") {
        for token in file.tokens().iter().filter(|token| machine.contains(&&*token.text)) {
            complaints.push(format!("{}:{}: names {}", file.path, token.line, token.text));
        }
    }
    complaints
}

/// The names in the tables of dependencies of a manifest, those for tests and benches left out.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == "[dependencies]" || line == "[build-dependencies]";
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            names.push(line.split(['.', '=', ' ']).next().unwrap_or_default());
        }
    }
    names
}

fn wrong_arrow(folder: &str, manifest: &str) -> Vec<String> {
    let rooms: Vec<&str> = ARROWS.iter().map(|(room, _)| *room).collect();
    let may = ARROWS.iter().find(|(room, _)| *room == folder).map_or(&[][..], |(_, may)| *may);
    let names = dependencies(manifest);
    let wrong = names.iter().filter(|name| {
        (rooms.contains(*name) && !may.contains(*name))
            || (**name == "rocksdb" && folder != "meta")
            || (matches!(**name, "glommio" | "hyper") && folder != "node")
            || (**name == "tokio-uring" && folder != "bench")
    });
    wrong.map(|name| format!("{folder}/Cargo.toml: {folder} may not depend on {name}")).collect()
}

#[track_caller]
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn machinery_is_named_only_behind_its_seams() {
    assert_none(&crates_named_elsewhere(&all_files()));
}

#[test]
fn unsafe_code_stays_in_its_files() {
    assert_none(&unsafe_elsewhere(&all_files()));
    for (path, attribute) in [
        ("protocol/src/lib.rs", "#![forbid(unsafe_code)]"),
        ("protocol/src/lib.rs", "#![no_std]"),
        ("meta/src/lib.rs", "#![forbid(unsafe_code)]"),
        ("node/src/lib.rs", "#![deny(unsafe_code)]"),
    ] {
        let text = fs::read_to_string(workspace().join(path)).expect("the room exists");
        assert!(text.lines().any(|line| line == attribute), "{path} must say {attribute}");
    }
}

#[test]
fn every_module_opens_with_its_door_sign() {
    assert_none(&wrong_door_signs(&all_files()));
}

#[test]
fn nothing_is_left_undone() {
    assert_none(&left_undone(&all_files()));
}

#[test]
fn meta_uses_only_the_vocabulary_of_protocol() {
    assert_none(&messages_in_meta(&all_files()));
}

#[test]
fn pure_rooms_know_no_machine() {
    assert_none(&machine_in_pure_rooms(&all_files()));
}

#[test]
fn rooms_depend_in_one_direction() {
    for (folder, _) in ARROWS {
        let path = workspace().join(folder).join("Cargo.toml");
        let manifest = fs::read_to_string(path).expect("every room has a manifest");
        assert_none(&wrong_arrow(folder, &manifest));
    }
}

/// Length is a smell, not a rule: the report is for a reader, the refusal for what nobody will read.
#[test]
fn files_stay_readable() {
    let mut complaints = Vec::new();
    for file in all_files() {
        let lines = file.lines_without_tests();
        if lines > FILE_LINES_REPORTED {
            println!("{lines:5} lines  {}", file.path);
        }
        if lines > FILE_LINES_MAX {
            complaints.push(format!("{}: {lines} lines without tests", file.path));
        }
    }
    assert_none(&complaints);
}

#[test]
fn planted_faults_are_found() {
    let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
    let one = |path: &str, text: &str| [file(path, text)];

    for text in [
        "use glommio::Task;",
        "fn f() { ::hyper::f() }",
        "use rocksdb as r;",
        "tokio_uring::start(f())",
    ] {
        assert_eq!(crates_named_elsewhere(&one("node/src/flush.rs", text)).len(), 1, "{text}");
    }
    for text in [
        "// glommio::Task",
        "use crate::disk::glommio::Disk;",
        "mod glommio;",
        "struct Memory { rocksdb: u64 }",
        "let a = memory.rocksdb;",
        "let a = \"hyper::Body\";",
    ] {
        assert_none(&crates_named_elsewhere(&one("node/src/flush.rs", text)));
    }
    assert_none(&crates_named_elsewhere(&one("node/src/http/mod.rs", "use hyper::Body;")));

    let text = "fn f() { unsafe { g() } }";
    assert_eq!(unsafe_elsewhere(&one("node/src/blob/read.rs", text)).len(), 1);
    assert_none(&unsafe_elsewhere(&one("node/src/disk/raw.rs", text)));
    assert_none(&unsafe_elsewhere(&one("meta/src/lib.rs", "#![forbid(unsafe_code)] // unsafe")));

    assert_eq!(wrong_door_signs(&one("a.rs", "use std::fs;\n//! Room: late.")).len(), 1);
    assert_eq!(wrong_door_signs(&one("a.rs", &"//! Room: a hall.\n".repeat(16))).len(), 1);
    assert_none(&wrong_door_signs(&one("a.rs", "//! Room: a place.\n")));

    let note = format!("// {}: later\nfn f() {{ todo!() }}", concat!("FIX", "ME"));
    assert_eq!(left_undone(&one("a.rs", &note)).len(), 2);

    for text in ["use protocol::error::S3Error;", "use protocol::{etag::ETag, request::{Head}};"] {
        assert_eq!(messages_in_meta(&one("meta/src/query.rs", text)).len(), 1, "{text}");
    }
    assert_none(&messages_in_meta(&one("meta/src/query.rs", "use protocol::{etag::{A, B}, crc};")));
    assert_eq!(machine_in_pure_rooms(&one("protocol/src/a.rs", "Instant::now()")).len(), 1);

    assert_eq!(wrong_arrow("protocol", "[dependencies]\nmeta.workspace = true\n").len(), 1);
    assert_eq!(wrong_arrow("node", "[dependencies]\nrocksdb = \"1\"\n").len(), 1);
    assert_none(&wrong_arrow("meta", "[dependencies]\nprotocol.workspace = true\n"));
}
