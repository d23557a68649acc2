//! Room: the dashboard and the alert rules: each query names what a node really tells.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;
use tenon_tests::node::Node;
use tenon_tests::source::workspace;

use super::query::{Query, query};

/// What Prometheus adds by itself.
const ADDED_LABELS: [&str; 2] = ["instance", "job"];
const ADDED_SERIES: [&str; 1] = ["up"];

type Series = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// What is wrong with a query, seen against what a node tells.
fn complaints(text: &str, series: &Series) -> Vec<String> {
    let Query { selectors, labels } = match query(text) {
        Ok(query) => query,
        Err(problem) => return vec![format!("{problem}: {text}")],
    };
    let mut complaints = Vec::new();
    let mut known: BTreeSet<&str> = ADDED_LABELS.into();
    for selector in &selectors {
        if ADDED_SERIES.contains(&selector.name.as_str()) {
            continue;
        }
        let Some(told) = series.get(&selector.name) else {
            complaints.push(format!("no node tells {}: {text}", selector.name));
            continue;
        };
        known.extend(told.keys().map(String::as_str));
        for (label, sign, value) in &selector.matchers {
            if ADDED_LABELS.contains(&label.as_str()) {
                continue;
            }
            match told.get(label) {
                None => complaints.push(format!("{} has no {label}: {text}", selector.name)),
                Some(values) if sign == "=" && !values.contains(value) => {
                    complaints.push(format!("no {label} is {value}: {text}"));
                }
                Some(_) => {}
            }
        }
    }
    let unknown = labels.iter().filter(|label| !known.contains(label.as_str()));
    complaints.extend(unknown.map(|label| format!("nothing here has {label}: {text}")));
    complaints
}

/// The labels that the result of a query has: those that it groups by, or else all of its series.
fn remaining(text: &str, series: &Series) -> BTreeSet<String> {
    let Query { selectors, mut labels } = query(text).unwrap_or_default();
    if labels.is_empty() {
        labels.extend(ADDED_LABELS.map(String::from));
        let told = selectors.iter().filter_map(|selector| series.get(&selector.name));
        labels.extend(told.flat_map(|told| told.keys().cloned()));
    }
    labels
}

fn read(name: &str) -> String {
    fs::read_to_string(workspace().join("scripts").join(name)).expect("the file is there")
}

/// One alert: its fields by name, those of labels and annotations after a dot.
type Alert = BTreeMap<String, String>;

/// The alerts of a rules file that keeps to the one shape that ours has: groups of rules, each field on a line.
fn alerts(text: &str) -> Result<Vec<Alert>, String> {
    let mut alerts: Vec<Alert> = Vec::new();
    let mut section = "";
    let content = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    for line in content.filter(|line| !line.is_empty()) {
        let unknown = || format!("not understood: {line}");
        let depth = line.len() - line.trim_start().len();
        let (key, value) = line.trim_start().split_once(':').ok_or_else(unknown)?;
        let value = value.trim();
        match (depth, key) {
            (0, "groups") | (2, "- name") | (4, "rules" | "interval") => {}
            (6, "- alert") => {
                section = "";
                alerts.push(Alert::from([("alert".to_owned(), value.to_owned())]));
            }
            (8, "labels" | "annotations") if value.is_empty() => section = key,
            (8 | 10, _) => {
                let plain = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
                let value = plain.unwrap_or(value).replace("''", "'");
                let name = match depth {
                    8 => key.to_owned(),
                    _ => format!("{section}.{key}"),
                };
                let alert = alerts.last_mut().ok_or_else(unknown)?;
                if value.is_empty() || alert.insert(name, value).is_some() {
                    return Err(unknown());
                }
            }
            _ => return Err(unknown()),
        }
    }
    Ok(alerts)
}

/// Every object in `value` that has this field.
fn having<'a>(value: &'a Value, field: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            if fields.contains_key(field) {
                found.push(value);
            }
            fields.values().for_each(|value| having(value, field, found));
        }
        Value::Array(values) => values.iter().for_each(|value| having(value, field, found)),
        _ => {}
    }
}

#[test]
fn dashboard_and_alerts_ask_for_what_a_node_tells() {
    let node = Node::start_tls("boards", &[]);
    super::load(&node.s3());
    let series = super::scrape::figures(&node).series();
    let mut wrong = Vec::new();

    let alerts = alerts(&read("alerts.yaml")).expect("rules");
    assert!(alerts.len() > 20, "{}", alerts.len());
    let mut names = BTreeSet::new();
    for alert in &alerts {
        assert!(names.insert(&alert["alert"]), "{alert:?} twice");
        for field in
            ["expr", "for", "labels.severity", "annotations.summary", "annotations.description"]
        {
            assert!(alert.contains_key(field), "{alert:?} has no {field}");
        }
        assert!(["critical", "warning"].contains(&alert["labels.severity"].as_str()), "{alert:?}");
        wrong.extend(complaints(&alert["expr"], &series));
    }

    let dashboard: Value = serde_json::from_str(&read("grafana-dashboard.json")).expect("JSON");
    let mut targets = Vec::new();
    having(&dashboard, "expr", &mut targets);
    assert!(targets.len() > 50, "{}", targets.len());
    for target in &targets {
        let expr = target["expr"].as_str().expect("a text");
        wrong.extend(complaints(expr, &series));
        for label in target["legendFormat"].as_str().expect("a text").split("{{").skip(1) {
            let label = label.split("}}").next().unwrap_or_default();
            if !remaining(expr, &series).contains(label) {
                wrong.push(format!("the legend names {label}, the query has none: {expr}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());

    // What nobody looks at is not worth telling: but for histograms' parts, every family is asked for somewhere.
    let asked: Vec<&str> = targets.iter().filter_map(|target| target["expr"].as_str()).collect();
    let asked = [asked, alerts.iter().map(|alert| alert["expr"].as_str()).collect()].concat();
    let unseen = series.keys().filter(|name| {
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let name = family.unwrap_or(name);
        !asked.iter().any(|expr| expr.contains(name))
    });
    assert_eq!(unseen.collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn panels_are_told_apart_and_do_not_overlap() {
    let dashboard: Value = serde_json::from_str(&read("grafana-dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in panels {
        let number = |value: &Value| value.as_u64().expect("a number");
        assert!(ids.insert(number(&panel["id"])), "{}", panel["title"]);
        assert!(!panel["title"].as_str().expect("a title").is_empty());
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| number(&panel["gridPos"][side]));
        assert!(x + w <= 24, "{}", panel["title"]);
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(place), "{} lies on another panel", panel["title"]);
        }
        if panel["type"] != "row" {
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{}", panel["title"]);
        }
    }
}

#[test]
fn planted_faults_are_found() {
    let labels = |values: &[(&str, &str)]| {
        let value = |(label, value): &(&str, &str)| ((*label).into(), [(*value).into()].into());
        values.iter().map(value).collect()
    };
    let series: Series = [("tenon_a_total".into(), labels(&[("way", "share")]))].into();
    for good in ["up == 0", "sum by (way, job) (rate(tenon_a_total{way=\"share\",job=~\"x\"}[5m]))"]
    {
        assert_eq!(complaints(good, &series), Vec::<String>::new());
    }
    for bad in [
        "tenon_b",
        "tenon_a_total{stage=\"x\"}",
        "tenon_a_total{way=\"x\"}",
        "sum by (le) (tenon_a_total)",
        "rate(",
    ] {
        assert!(!complaints(bad, &series).is_empty(), "{bad}");
    }
    for bad in ["groups:\n - x", "groups:\n      - alert: A\n        for: 1m\n        for: 1m"] {
        assert!(alerts(bad).is_err(), "{bad}");
    }
}
