//! Room: the page: sentences, plots, the table, and how it was measured.
//!
//! Invariant: it needs nothing but itself.

use crate::measurement::{Endpoint, Run};

use super::chart::Chart;
use super::model::Report;
use super::plots::{self, Plot};
use super::svg::escape;
use super::{style, summary, table, units};

/// The page of a report.
pub(super) fn page(report: &Report<'_>) -> String {
    let title = title(report);
    let mut body = format!("<h1>{}</h1>\n", escape(&title));
    body.push_str(&lead(report));
    body.push_str(&drawings(report));
    body.push_str("<h2>All figures</h2>\n");
    body.push_str(&rounds(report));
    body.push_str(&table::table(report));
    body.push_str("<h2>How it was measured</h2>\n");
    body.push_str(&conditions(report));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <title>{}</title><style>{}{}</style></head>\n<body>\n{body}</body></html>\n",
        escape(&title),
        style::page(),
        style::plots()
    )
}

fn title(report: &Report<'_>) -> String {
    let given = report.runs.iter().map(|run| run.title.trim()).find(|title| !title.is_empty());
    let names: Vec<String> =
        (0..report.endpoints().len()).map(|index| report.name(index)).collect();
    given.map_or_else(|| names.join(" beside "), str::to_owned)
}

/// The first sentence large, the others as a list; what failed stands out.
fn lead(report: &Report<'_>) -> String {
    let failures = summary::failures(report);
    let mut text = String::new();
    for failure in &failures {
        text.push_str(&format!("<p class=\"wrong\">{}</p>\n", escape(failure)));
    }
    let sentences = summary::sentences(report);
    let mut sentences = sentences.iter().filter(|sentence| !failures.contains(sentence));
    if let Some(first) = sentences.next() {
        text.push_str(&format!("<p class=\"lead\">{}</p>\n", escape(first)));
    }
    let others = sentences.cloned().chain(summary::verified(report));
    let others: String = others.map(|line| format!("<li>{}</li>\n", escape(&line))).collect();
    if !others.is_empty() {
        text.push_str(&format!("<ul>\n{others}</ul>\n"));
    }
    text
}

fn drawings(report: &Report<'_>) -> String {
    let (latency, more_latency) = plots::latency_over_size(report);
    let (throughput, more_throughput) = plots::throughput_over_concurrency(report);
    let (curves, more_curves) = plots::percentiles(report);
    let mut throughput = charts(&throughput);
    throughput.extend(plots::small_rates(report).iter().map(Plot::from));
    throughput.extend(plots::ratios(report).iter().map(Plot::from));
    let costs: Vec<Plot> = plots::costs(report).iter().map(Plot::from).collect();
    [
        section("Latency", &charts(&latency), &charts(&more_latency)),
        section("Throughput", &throughput, &charts(&more_throughput)),
        section("What it costs", &costs, &[]),
        section("Percentiles", &charts(&curves), &charts(&more_curves)),
    ]
    .concat()
}

fn charts(charts: &[Chart]) -> Vec<Plot> {
    charts.iter().map(Plot::from).collect()
}

/// Plots under a heading, with those that few will want folded away.
fn section(heading: &str, plots: &[Plot], more: &[Plot]) -> String {
    let mut text = String::new();
    if !plots.is_empty() {
        text.push_str(&format!("<h2>{heading}</h2>\n{}", figures(plots)));
    }
    if !more.is_empty() {
        let (count, plots) = (more.len(), figures(more));
        let noun = if count == 1 { "plot" } else { "plots" };
        text.push_str(&format!(
            "<details><summary>{count} more {noun} of this kind</summary>\n{plots}</details>\n"
        ));
    }
    text
}

fn figures(plots: &[Plot]) -> String {
    let figures: String =
        plots.iter().map(|plot| format!("<figure>{}</figure>\n", plot.0)).collect();
    format!("<div class=\"plots\">\n{figures}</div>\n")
}

fn rounds(report: &Report<'_>) -> String {
    let rounds = report.runs.iter().map(|run| run.rounds).max().unwrap_or(1);
    let text = match rounds {
        0 | 1 => "Each point was measured once.".to_owned(),
        many => format!(
            "Medians over {many} rounds, the percentiles too; with two endpoints the rounds went by turns \
             (A B A B …)."
        ),
    };
    format!(
        "<p class=\"quiet\">{} GiB and MiB are powers of 1,024, GB and MB of 1,000.</p>\n",
        escape(&text)
    )
}

fn conditions(report: &Report<'_>) -> String {
    let mut text = String::new();
    for run in &report.runs {
        text.push_str("<dl>\n");
        for (name, value) in facts(run) {
            if !value.is_empty() {
                text.push_str(&format!("<dt>{name}</dt><dd>{}</dd>\n", escape(&value)));
            }
        }
        let command = escape(&run.command.join(" "));
        text.push_str(&format!("<dt>Command</dt><dd><code>{command}</code></dd>\n</dl>\n"));
    }
    text
}

fn facts(run: &Run) -> Vec<(&'static str, String)> {
    let host = &run.host;
    let [one, five, fifteen] = host.load;
    let mut facts = vec![("When", run.began.clone())];
    for (name, endpoint) in ["Endpoint A", "Endpoint B"].into_iter().zip(&run.endpoints) {
        facts.push((name, about(endpoint)));
    }
    let cores = if host.cores == 1 { "core" } else { "cores" };
    let machine = format!(
        "{}, {} {cores}, {} of memory",
        host.cpu,
        host.cores,
        units::size(host.memory_bytes)
    );
    let length = match (run.duration_s, run.requests) {
        (Some(seconds), _) => format!("{} s", units::digits(seconds)),
        (None, Some(requests)) => format!("{} requests", units::whole(requests)),
        (None, None) => "of one pass".to_owned(),
    };
    let warmup = units::digits(run.warmup_s);
    let way = format!(
        "{} rounds of {length} after {warmup} s of load, {} client threads, seed {}",
        run.rounds, run.threads, run.seed
    );
    facts.extend([
        ("Client's machine", machine),
        ("Kernel", host.kernel.clone()),
        ("Load before", format!("{one:.2} over 1 minute, {five:.2} over 5, {fifteen:.2} over 15")),
        ("Each point", way),
        ("Notes", run.notes.join("; ")),
        ("Load generator", format!("tenon-bench {}", run.version)),
    ]);
    facts
}

fn about(endpoint: &Endpoint) -> String {
    let mut parts = vec![format!("{} at {}", endpoint.name, endpoint.url)];
    let told = [
        ("says it is ", endpoint.server.as_ref()),
        ("data on ", endpoint.file_system.as_ref()),
        ("device ", endpoint.device.as_ref()),
        ("process: ", endpoint.process.as_ref()),
    ];
    parts.extend(told.into_iter().filter_map(|(name, value)| Some(format!("{name}{}", value?))));
    parts.join("; ")
}
