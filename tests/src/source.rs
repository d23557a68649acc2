//! Room: Rust source as text, for rules that neither the compiler nor a lint can check.
//!
//! Holds: nothing. Not a parser: comments, strings and character literals are blanked out, what is left is cut
//! into words and marks. That is enough to say who names what.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// A source file of this workspace.
pub struct SourceFile {
    /// The path from the top of the workspace, with `/` between its parts.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl SourceFile {
    /// The words and marks of the code, each with its line number, counted from 1.
    pub fn tokens(&self) -> Vec<Token> {
        tokens(&code_only(&self.text))
    }

    /// Lines before an inline test module; none for a file that is all tests.
    pub fn lines_without_tests(&self) -> usize {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        if name == "tests.rs" {
            return 0;
        }
        let lines: Vec<&str> = self.text.lines().collect();
        let inline_tests = lines.windows(2).position(|pair| {
            pair[0].trim() == "#[cfg(test)]"
                && pair[1].starts_with("mod ")
                && pair[1].ends_with('{')
        });
        inline_tests.unwrap_or(lines.len())
    }
}

/// One word or mark of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// An identifier or keyword, a number, `::`, or a single mark.
    pub text: String,
    /// The line it stands on, counted from 1.
    pub line: usize,
}

/// The top folder of the workspace: of the one that runs the test, since a build may have been made by another clone.
pub fn workspace() -> PathBuf {
    let crate_folder =
        env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    let workspace =
        Path::new(&crate_folder).parent().expect("the crate lies in the workspace's folder");
    workspace.to_path_buf()
}

/// All Rust files below `folder` (a path from the top of the workspace), in order of path.
pub fn source_files(folder: &str) -> Vec<SourceFile> {
    let top = workspace();
    let mut files = Vec::new();
    collect(&top.join(folder), &top, &mut files);
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

fn collect(folder: &Path, top: &Path, files: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(folder).expect("a folder of the workspace can be read") {
        let path = entry.expect("a folder of the workspace can be read").path();
        if path.is_dir() {
            if !path.ends_with("target") {
                collect(&path, top, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let inside = path.strip_prefix(top).expect("found below the top");
            files.push(SourceFile {
                path: inside.to_string_lossy().replace('\\', "/"),
                text: fs::read_to_string(&path).expect("source is UTF-8"),
            });
        }
    }
}

/// `text` with comments, strings and character literals replaced by spaces. Line breaks stay.
pub fn code_only(text: &str) -> String {
    let mut rest = text;
    let mut code = String::with_capacity(text.len());
    let mut after_word = false;
    while let Some(first) = rest.chars().next() {
        let skipped = if after_word { 0 } else { raw_string_len(rest) };
        let skipped = if skipped > 0 { skipped } else { quiet_len(rest) };
        if skipped > 0 {
            let (quiet, after) = rest.split_at(skipped);
            code.extend(quiet.chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
            rest = after;
            after_word = false;
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            after_word = first.is_alphanumeric() || first == '_';
        }
    }
    code
}

/// The length of the comment, string or character literal that `rest` begins with; 0 if none.
fn quiet_len(rest: &str) -> usize {
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        block_comment_len(rest)
    } else if rest.starts_with('"') {
        quoted_len(rest, '"')
    } else if is_char_literal(rest) {
        quoted_len(rest, '\'')
    } else {
        0
    }
}

/// `'a'` and `'\n'` are literals, `'a` and `'static` are lifetimes.
fn is_char_literal(rest: &str) -> bool {
    let mut characters = rest.chars();
    characters.next() == Some('\'')
        && match characters.next() {
            Some('\\') => true,
            Some(_) => characters.next() == Some('\''),
            None => false,
        }
}

fn quoted_len(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        if !escaped && character == quote {
            return at + 1;
        }
        escaped = !escaped && character == '\\';
    }
    rest.len()
}

fn block_comment_len(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The length of a raw string such as `r#"…"#` or `br"…"` at the start of `rest`; 0 if there is none.
fn raw_string_len(rest: &str) -> usize {
    let after_prefix = rest.strip_prefix('b').unwrap_or(rest);
    let Some(after_r) = after_prefix.strip_prefix('r') else { return 0 };
    let hashes = after_r.len() - after_r.trim_start_matches('#').len();
    let Some(inside) = after_r[hashes..].strip_prefix('"') else { return 0 };
    let end = format!("\"{}", "#".repeat(hashes));
    match inside.find(&end) {
        Some(at) => rest.len() - inside.len() + at + end.len(),
        None => rest.len(),
    }
}

fn tokens(code: &str) -> Vec<Token> {
    let mut found = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let len = if first.is_alphanumeric() || first == '_' {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            found.push(Token { text: rest[..len].to_owned(), line: index + 1 });
            rest = rest[len..].trim_start();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(&code_only(text)).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_strings_and_characters_are_blanked() {
        assert_eq!(words("a // b\nc /* d /* e */ f */ g"), ["a", "c", "g"]);
        assert_eq!(words(r#"f("x \" y", 'z', '\'', b"w") + h"#), words("f(,,,b)+h"));
        assert_eq!(words(r###"r#"a "b" c"# d br"e" var"###), ["d", "var"]);
        assert_eq!(words("fn f<'a>(x: &'a str)"), words("fn f < 'a > ( x : & 'a str )"));
    }

    #[test]
    fn tokens_know_their_lines_and_keep_paths_together() {
        let found = tokens("use a::b;\n\n x_1.y");
        let expected = [("use", 1), ("a", 1), ("::", 1), ("b", 1), (";", 1), ("x_1", 3), (".", 3)];
        for (token, (text, line)) in found.iter().zip(expected) {
            assert_eq!((token.text.as_str(), token.line), (text, line));
        }
        assert_eq!(found.len(), expected.len() + 1);
    }

    #[test]
    fn inline_tests_do_not_count_as_length() {
        let text = "//! Room.\nfn f() {}\n\n#[cfg(test)]\nmod tests {\n}\n".to_owned();
        let file = SourceFile { path: "a/src/b.rs".to_owned(), text };
        assert_eq!(file.lines_without_tests(), 3);
    }
}
