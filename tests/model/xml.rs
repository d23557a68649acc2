//! Room: documents as trees: what the reference expects, what came back, what is sent.
//!
//! A reader of its own, so that the node's XML is not judged by the code that wrote it. It knows no more than S3
//! writes: a declaration, elements, one attribute, references.

use std::fmt::Write;

/// An element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) children: Vec<Self>,
}

impl Node {
    /// An element without anything in it.
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), text: String::new(), children: Vec::new() }
    }

    /// An element that holds a text.
    pub(crate) fn leaf(name: &str, text: impl ToString) -> Self {
        Self { text: text.to_string(), ..Self::new(name) }
    }

    /// With a child that holds a text.
    pub(crate) fn with(mut self, name: &str, text: impl ToString) -> Self {
        self.children.push(Self::leaf(name, text));
        self
    }

    /// With such a child if there is something to tell.
    pub(crate) fn with_if(self, name: &str, text: Option<impl ToString>) -> Self {
        match text {
            Some(text) => self.with(name, text),
            None => self,
        }
    }

    /// With a child.
    pub(crate) fn and(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    /// The text of the first child of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    /// The first child of that name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of that name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Children of one name in their order, whatever stands between them: the order of different names says nothing.
    /// But versions and delete markers are one list.
    pub(crate) fn sorted(mut self) -> Self {
        fn rank(node: &Node) -> &str {
            if node.name == "DeleteMarker" { "Version" } else { &node.name }
        }
        self.children = self.children.into_iter().map(Self::sorted).collect();
        self.children.sort_by(|one, other| rank(one).cmp(rank(other)));
        self
    }

    /// The document.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) {
        write!(out, "<{}>", self.name).expect("a string takes all");
        for c in self.text.chars() {
            match c {
                '&' | '<' | '>' | '"' | '\0'..'\u{20}' | '\u{7f}' | '\u{fffe}' | '\u{ffff}' => {
                    write!(out, "&#{};", u32::from(c)).expect("a string takes all");
                }
                c => out.push(c),
            }
        }
        self.children.iter().for_each(|child| child.write(out));
        write!(out, "</{}>", self.name).expect("a string takes all");
    }

    /// Reads a document.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(document: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(document).map_err(|error| error.to_string())?;
        let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
        let rest = text.strip_prefix(declaration).ok_or("no declaration")?;
        let mut rest = rest.trim_start();
        let root = element(&mut rest)?;
        if rest.is_empty() { Ok(root) } else { Err(format!("{rest:?} behind the root")) }
    }
}

/// Whether the root says that it is S3's.
pub(crate) fn has_namespace(document: &[u8]) -> bool {
    let needle = b" xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    document.windows(needle.len()).any(|window| window == needle)
}

fn element(rest: &mut &str) -> Result<Node, String> {
    let inner = rest.strip_prefix('<').ok_or_else(|| format!("no element: {rest:?}"))?;
    let (tag, behind) = inner.split_once('>').ok_or("an open tag")?;
    *rest = behind;
    if let Some(name) = tag.strip_suffix('/') {
        return Ok(Node::new(name.trim_end()));
    }
    let name = tag.split(' ').next().unwrap_or_default();
    let mut node = Node::new(name);
    loop {
        let (text, _) = rest.split_once('<').ok_or_else(|| format!("{name} is not closed"))?;
        node.text.push_str(&unescaped(text)?);
        *rest = &rest[text.len()..];
        if let Some(closing) = rest.strip_prefix("</") {
            let closed = closing.strip_prefix(name).and_then(|behind| behind.strip_prefix('>'));
            *rest = closed.ok_or_else(|| format!("{name} is closed by {closing:?}"))?;
            return Ok(node);
        }
        node.children.push(element(rest)?);
    }
}

fn unescaped(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        let (name, after) = behind.split_once(';').ok_or("an open reference")?;
        out.push_str(before);
        let code = name.strip_prefix("#x").map(|hex| u32::from_str_radix(hex, 16));
        out.push(match (name, code) {
            ("amp", _) => '&',
            ("lt", _) => '<',
            ("gt", _) => '>',
            ("quot", _) => '"',
            (_, Some(Ok(code))) => char::from_u32(code).ok_or("no character")?,
            (other, _) => return Err(format!("&{other};")),
        });
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_reads_back() {
        let tree = Node::new("R")
            .with("A", "1 < 2 & \"x\" > \u{1}")
            .and(Node::new("L").with("B", "").with("B", "é"));
        let text = tree.to_text().replace("&#1;", "&#x1;").replace("&#60;", "&lt;");
        let text = text.replace("&#38;", "&amp;").replace("&#34;", "&quot;");
        let text = text.replace("&#62;", "&gt;").replacen("<R>", "<R xmlns=\"n\">", 1);
        let document = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}");
        assert_eq!(Node::parse(document.as_bytes()), Ok(tree));
        for bad in ["", "<R>", "<R></S>", "<R></R>x", "<R>&x;</R>"] {
            let document = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{bad}");
            assert!(Node::parse(document.as_bytes()).is_err(), "{bad}");
        }
    }
}
