//! Room: what a PromQL query asks for: the series that it selects and the labels that it names.
//!
//! Not a parser of PromQL (`promtool check rules` is one): it knows words, selectors and groupings, and refuses what
//! it does not know.

use std::collections::BTreeSet;

/// A series with its matchers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Selector {
    pub(crate) name: String,
    pub(crate) matchers: Vec<Matcher>,
}

/// Label, operator, value.
pub(crate) type Matcher = (String, String, String);

/// What a query names.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Query {
    pub(crate) selectors: Vec<Selector>,
    /// Labels by which it groups or joins.
    pub(crate) labels: BTreeSet<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Token {
    Word(String),
    Text(String),
    Sign(String),
}

const FUNCTIONS: [&str; 24] = [
    "sum",
    "avg",
    "min",
    "max",
    "count",
    "topk",
    "rate",
    "increase",
    "irate",
    "histogram_quantile",
    "time",
    "abs",
    "clamp_min",
    "clamp_max",
    "absent",
    "changes",
    "deriv",
    "predict_linear",
    "max_over_time",
    "min_over_time",
    "avg_over_time",
    "vector",
    "label_values",
    "resets",
];
const GROUPINGS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const OPERATORS: [&str; 5] = ["and", "or", "unless", "bool", "offset"];

/// Takes a query apart.
pub(crate) fn query(text: &str) -> Result<Query, String> {
    let tokens = tokens(text)?;
    let mut found = Query::default();
    let mut at = 0;
    let sign = |at: usize, sign: &str| tokens.get(at) == Some(&Token::Sign(sign.to_owned()));
    while let Some(token) = tokens.get(at) {
        at += 1;
        let Token::Word(word) = token else { continue };
        if word.starts_with(|first: char| first.is_ascii_digit() || first == '$')
            || OPERATORS.contains(&word.as_str())
        {
            continue;
        }
        if GROUPINGS.contains(&word.as_str()) {
            if !sign(at, "(") {
                return Err(format!("{word} without labels"));
            }
            while !sign(at, ")") {
                at += 1;
                if let Some(Token::Word(label)) = tokens.get(at) {
                    found.labels.insert(label.clone());
                } else if at >= tokens.len() {
                    return Err(format!("{word} without an end"));
                }
            }
        } else if FUNCTIONS.contains(&word.as_str()) {
            if !sign(at, "(") && !matches!(tokens.get(at), Some(Token::Word(_))) {
                return Err(format!("{word} of nothing"));
            }
        } else if sign(at, "(") {
            return Err(format!("the function {word} is not known here"));
        } else {
            let (matchers, next) = matchers(&tokens, at)?;
            at = next;
            found.selectors.push(Selector { name: word.clone(), matchers });
        }
    }
    if found.selectors.is_empty() {
        return Err("it selects nothing".to_owned());
    }
    Ok(found)
}

/// The matchers that begin at `at`, if any do, and what comes behind them.
fn matchers(tokens: &[Token], at: usize) -> Result<(Vec<Matcher>, usize), String> {
    let mut found = Vec::new();
    if tokens.get(at) != Some(&Token::Sign("{".into())) {
        return Ok((found, at));
    }
    let mut at = at + 1;
    loop {
        match tokens.get(at..) {
            Some([Token::Sign(end), ..]) if end == "}" => return Ok((found, at + 1)),
            Some([Token::Sign(comma), ..]) if comma == "," => at += 1,
            Some([Token::Word(label), Token::Sign(sign), Token::Text(value), ..]) => {
                found.push((label.clone(), sign.clone(), value.clone()));
                at += 3;
            }
            _ => return Err("matchers that are none".to_owned()),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.' | '$');
        let len = if word(first) {
            let len = rest.find(|c| !word(c)).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..len].to_owned()));
            len
        } else if first == '"' {
            let len = rest[1..].find('"').ok_or("a text without an end")? + 2;
            tokens.push(Token::Text(rest[1..len - 1].to_owned()));
            len
        } else if first == '[' {
            // A window of time, such as 5m or $__rate_interval.
            rest.find(']').ok_or("a window without an end")? + 1
        } else {
            let two =
                ["=~", "!~", "!=", "==", ">=", "<="].into_iter().find(|two| rest.starts_with(two));
            let sign = two.unwrap_or(&rest[..1]);
            if two.is_none() && !"(){},=+-*/<>^%".contains(first) {
                return Err(format!("the sign {first:?}"));
            }
            tokens.push(Token::Sign(sign.to_owned()));
            sign.len()
        };
        rest = rest[len..].trim_start();
    }
    Ok(tokens)
}

#[test]
fn queries_are_taken_apart() {
    let text = "sum by (operation, le) (rate(a_total{b=\"x\",c=~\"$c\"}[5m])) / on(d) group_left() c > 1e3 and up";
    let query = query(text).expect("a query");
    let matcher = |label: &str, sign: &str, value: &str| (label.into(), sign.into(), value.into());
    let matchers = vec![matcher("b", "=", "x"), matcher("c", "=~", "$c")];
    let plain = |name: &str| Selector { name: name.into(), matchers: Vec::new() };
    assert_eq!(
        query.selectors,
        [Selector { name: "a_total".into(), matchers }, plain("c"), plain("up")]
    );
    assert_eq!(query.labels, ["d", "le", "operation"].map(String::from).into());
}

#[test]
fn what_is_no_query_is_refused() {
    for text in [
        "",
        "1 + 2",
        "unknown_function(a)",
        "sum(a{b})",
        "a{b=\"c}",
        "sum by operation (a)",
        "a ; b",
    ] {
        assert!(query(text).is_err(), "{text}");
    }
}
