//! Room: a run from its arguments to its exit code: endpoints in turn, medians, lines, table, tidying up.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use protocol::sign::Credential;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::arguments::{Arguments, Command, Common, Pages};
use crate::client::{Failure, Upload, now};
use crate::counters::{self, Device};
use crate::latency::{Latencies, median};
use crate::load::{Beat, Bound, Watch};
use crate::measurement::{DeviceBytes, Endpoint, Figures, Latency, Line, Point, Run, count};
use crate::progress::{Progress, Sample, Until};
use crate::report;
use crate::scenario::{Case, Measured, Settings, Site, Whose};
use crate::table;

/// Runs what the arguments say.
pub fn run(arguments: &Arguments) -> ExitCode {
    let done = match arguments.command.cases() {
        Some((common, cases)) => measure(common, &cases),
        None => render(&arguments.command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Usage(message)) => {
            eprintln!("tenon-bench: {message}");
            ExitCode::from(2)
        }
        Err(Stop::Broken(message)) => {
            eprintln!("tenon-bench: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Why the program does not end well.
enum Stop {
    /// The arguments cannot work.
    Usage(String),
    /// Something did not work.
    Broken(String),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Broken(failure.to_string())
    }
}

/// The parts of a run that all rounds need.
struct Stage {
    sites: Vec<Site>,
    run: Run,
    lines: Vec<Line>,
    json: Option<File>,
}

fn measure(common: &Common, cases: &[Case]) -> Result<(), Stop> {
    let interrupted = interruption()?;
    let mut stage = set_up(common, &interrupted)?;
    let steps = cases.len() * stage.sites.len() * common.rounds as usize;
    let mut progress = Progress::new(common.quiet, steps);
    stage.write(Line::Run(stage.run.clone()))?;
    let measured =
        cases.iter().try_for_each(|case| measure_case(&mut stage, common, case, &mut progress));
    if !common.keep {
        // What interrupted the load does not interrupt this; who insists ends the program.
        interrupted.store(false, Ordering::Relaxed);
        progress.say("taking away what was stored");
        // What it could not take away is told, and what was measured is kept all the same.
        // Both may be one endpoint: a bucket goes when nothing of either is left in it.
        let objects = stage.sites.iter().map(|site| (site, clean(site)));
        let cleaned: Vec<_> = objects.collect();
        let buckets = stage.sites.iter().map(|site| (site, delete_bucket(site)));
        for (site, done) in cleaned.into_iter().chain(buckets) {
            if let Err(failure) = done {
                eprintln!("tenon-bench: {} is not clean: {failure}", site.endpoint.host);
            }
        }
    }
    progress.end();
    print!("{}", table::table(&stage.lines));
    draw(&common.pages, &stage.lines)?;
    measured?;
    judge(&stage.lines, common.allow_errors)
}

/// What the first Ctrl-C or SIGTERM sets, so that the load ends and what was stored is taken away. The second ends
/// the program at once.
fn interruption() -> Result<Arc<AtomicBool>, Stop> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: what the second asks for is not set by the first.
        flag::register_conditional_shutdown(signal, 128 + signal, interrupted.clone())
            .and_then(|_| flag::register(signal, interrupted.clone()))
            .map_err(|error| Stop::Broken(format!("signal {signal}: {error}")))?;
    }
    Ok(interrupted)
}

/// Whether all that was measured is worth something.
fn judge(lines: &[Line], allow_errors: bool) -> Result<(), Stop> {
    let points = || {
        lines
            .iter()
            .filter_map(|line| if let Line::Point(point) = line { Some(point) } else { None })
    };
    let wrong: u64 = points().map(|point| point.verified.wrong).sum();
    if wrong > 0 {
        return Err(Stop::Broken(format!("{wrong} samples were not what was stored or copied")));
    }
    let failed: u64 = points().flat_map(|point| point.errors.values()).sum();
    if failed > 0 && !allow_errors {
        return Err(Stop::Broken(format!("{failed} requests failed")));
    }
    Ok(())
}

/// All rounds of a case, on each endpoint in turn.
fn measure_case(
    stage: &mut Stage,
    common: &Common,
    case: &Case,
    progress: &mut Progress,
) -> Result<(), Stop> {
    let mut rounds: Vec<Vec<Measured>> = vec![Vec::new(); stage.sites.len()];
    for round in 1..=common.rounds {
        for (index, site) in stage.sites.iter_mut().enumerate() {
            let name = &stage.run.endpoints[index].name;
            let label = format!("{}, {name}, round {round} of {}", case.label(), common.rounds);
            let until = match site.settings.bound {
                Bound::Time(time) => Until::Seconds(time.as_secs_f64()),
                Bound::Requests(requests) => Until::Operations(requests),
            };
            progress.say(&format!("{label}: getting ready"));
            let mut shown = Shown {
                progress: &mut *progress,
                label,
                until,
                beat: Beat::default(),
                begun: false,
            };
            let measured = case.round(site, &mut shown);
            let measured =
                measured.map_err(|failure| Stop::Broken(format!("{}: {failure}", shown.label)))?;
            for point in &measured {
                if let Some(failure) = &point.failure {
                    progress.say(&format!("a request failed: {failure}"));
                }
            }
            rounds[index].extend(measured);
        }
    }
    for (endpoint, measured) in rounds.into_iter().enumerate() {
        for point in combine(endpoint, measured) {
            stage.write(Line::Point(Box::new(point)))?;
        }
    }
    Ok(())
}

/// Shows a round as it goes.
struct Shown<'a> {
    progress: &'a mut Progress,
    label: String,
    until: Until,
    beat: Beat,
    begun: bool,
}

impl Shown<'_> {
    fn sample(&self) -> Sample {
        Sample {
            elapsed_s: self.beat.elapsed.as_secs_f64(),
            operations: self.beat.operations,
            logical_bytes: self.beat.bytes,
            failed: self.beat.failed,
            p50_us: self.beat.p50_us,
        }
    }
}

impl Watch for Shown<'_> {
    fn begin(&mut self) {
        // A scenario of several stages is one step of the run.
        if !std::mem::replace(&mut self.begun, true) {
            self.progress.start(&self.label, self.until);
        }
    }

    fn beat(&mut self, beat: &Beat) {
        self.beat = *beat;
        self.progress.show(&self.sample());
    }

    fn end(&mut self) {
        self.progress.finish(&self.sample());
    }
}

impl Stage {
    fn write(&mut self, line: Line) -> Result<(), Stop> {
        if let Some(file) = &mut self.json {
            let text = line.write() + "\n";
            file.write_all(text.as_bytes())
                .map_err(|error| Stop::Broken(format!("--json: {error}")))?;
        }
        self.lines.push(line);
        Ok(())
    }
}

/// Checks all that can be checked before something is asked, and then asks both endpoints.
fn set_up(common: &Common, interrupted: &Arc<AtomicBool>) -> Result<Stage, Stop> {
    let mut sites = Vec::new();
    let mut endpoints = Vec::new();
    let began = now();
    let run = format!("tenon-bench/{}-{}", began.amz_date(), std::process::id());
    for side in sides(common)? {
        let letter = if sites.is_empty() { "A" } else { "B" };
        let prefix = format!("{run}-{letter}/");
        let settings = settings(common, interrupted);
        let mut site = Site::new(side.endpoint, settings, prefix, side.whose.clone());
        let (made, server) = site
            .ask(async |client| client.make_bucket().await)
            .map_err(|failure| Stop::Broken(format!("{}: {failure}", side.url)))?;
        site.made_bucket = made;
        let product = server
            .as_deref()
            .and_then(|server| server.split(['/', ' ']).next())
            .unwrap_or_default();
        let name = side
            .name
            .unwrap_or_else(|| if product.is_empty() { letter } else { product }.to_owned());
        endpoints.push(Endpoint {
            name,
            url: side.url,
            server,
            pid: side.whose.pid,
            process: side.whose.pid.and_then(counters::command_line),
            device: side.whose.device.as_ref().map(Device::label),
            file_system: side.file_system,
        });
        sites.push(site);
    }
    if let [a, b] = &mut endpoints[..]
        && a.name == b.name
    {
        a.name.push_str(" A");
        b.name.push_str(" B");
    }
    let threads = settings(common, interrupted).threads;
    let run = Run {
        title: common.title.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: without_secrets(std::env::args()),
        began: began.iso8601(),
        host: counters::host(),
        endpoints,
        rounds: common.rounds,
        warmup_s: common.warmup.as_secs_f64(),
        duration_s: common.requests.is_none().then_some(common.duration.as_secs_f64()),
        requests: common.requests,
        seed: common.seed,
        threads: u32::try_from(threads).unwrap_or(u32::MAX),
        notes: common.note.clone(),
    };
    let json = common.json.as_deref().map(create).transpose()?;
    Ok(Stage { sites, run, lines: Vec::new(), json })
}

fn create(path: &Path) -> Result<File, Stop> {
    File::create(path).map_err(|error| Stop::Usage(format!("{}: {error}", path.display())))
}

/// An endpoint before it was asked.
struct Side {
    endpoint: crate::endpoint::Endpoint,
    url: String,
    name: Option<String>,
    whose: Whose,
    file_system: Option<String>,
}

fn sides(common: &Common) -> Result<Vec<Side>, Stop> {
    let credential = |access_key: &str, secret_key: &str| Credential {
        access_key: access_key.to_owned(),
        secret_key: secret_key.to_owned(),
    };
    let device = |data: Option<&Path>, device: Option<&Path>| match (data, device) {
        (Some(data), _) => Device::below(data).map(Some),
        (None, Some(device)) => Device::at(device).map(Some),
        (None, None) => Ok(None),
    };
    let a = credential(&common.access_key, &common.secret_key);
    let url = &common.url;
    let mut sides = vec![Side {
        endpoint: url.endpoint(a.clone(), &common.region, &common.bucket).map_err(Stop::Usage)?,
        url: url.to_string(),
        name: common.name.clone(),
        whose: Whose {
            pid: common.server_pid,
            device: device(common.data.as_deref(), common.device.as_deref())
                .map_err(Stop::Usage)?,
        },
        file_system: common.data.as_deref().and_then(counters::file_system),
    }];
    if let Some(url) = &common.against {
        let access_key = common.against_access_key.as_ref().unwrap_or(&a.access_key);
        let secret_key = common.against_secret_key.as_ref().unwrap_or(&a.secret_key);
        let region = common.against_region.as_ref().unwrap_or(&common.region);
        let b = credential(access_key, secret_key);
        let (data, block) = (common.against_data.as_deref(), common.against_device.as_deref());
        sides.push(Side {
            endpoint: url.endpoint(b, region, &common.bucket).map_err(Stop::Usage)?,
            url: url.to_string(),
            name: common.against_name.clone(),
            whose: Whose {
                pid: common.against_pid,
                device: device(data, block).map_err(Stop::Usage)?,
            },
            file_system: data.and_then(counters::file_system),
        });
    }
    for pid in sides.iter().filter_map(|side| side.whose.pid) {
        let told = |error: io::Error| Stop::Usage(format!("process {pid}: {error}"));
        counters::cpu_s(&pid.to_string()).map_err(told)?;
    }
    Ok(sides)
}

fn settings(common: &Common, interrupted: &Arc<AtomicBool>) -> Settings {
    Settings {
        threads: common.threads.map_or_else(|| (counters::cores() / 2).max(1), usize::from),
        warmup: common.warmup,
        bound: common.requests.map_or(Bound::Time(common.duration), Bound::Requests),
        rate: common.rate,
        timeout: common.timeout,
        seed: common.seed,
        samples: common.samples,
        interrupted: interrupted.clone(),
    }
}

/// The command line as it may be shown.
fn without_secrets(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut hidden = false;
    let shown = words.map(|word| {
        let hide = std::mem::take(&mut hidden);
        let flag = word.split('=').next().unwrap_or_default();
        let secret = flag.starts_with("--") && flag.ends_with("-key");
        hidden = secret && !word.contains('=');
        match (hide, secret && word.contains('=')) {
            (true, _) => "…".to_owned(),
            (_, true) => format!("{flag}=…"),
            _ => word,
        }
    });
    shown.collect()
}

/// The rounds of one endpoint, operation by operation.
fn combine(endpoint: usize, measured: Vec<Measured>) -> Vec<Point> {
    let mut points: Vec<(Point, Latencies)> = Vec::new();
    for one in measured {
        let known = points.iter().position(|(point, _)| point.work == one.work);
        let at = known.unwrap_or_else(|| {
            let point = Point { work: one.work.clone(), endpoint, ..Point::default() };
            points.push((point, Latencies::new()));
            points.len() - 1
        });
        let (point, latencies) = &mut points[at];
        latencies.add(&one.latencies);
        point.rounds.push(one.figures);
        point.verified.add(one.verified);
        for (code, times) in one.errors {
            *point.errors.entry(code).or_default() += times;
        }
    }
    let ready = points.into_iter().map(|(point, latencies)| {
        let median = median_of(&point.rounds);
        Point { median, curve: latencies.curve(), ..point }
    });
    ready.collect()
}

/// The median of each figure by itself.
fn median_of(rounds: &[Figures]) -> Figures {
    let of = |figure: fn(&Figures) -> f64| median(rounds.iter().map(figure)).unwrap_or_default();
    let some = |figure: fn(&Figures) -> Option<f64>| median(rounds.iter().filter_map(figure));
    let whole = |figure: fn(&Figures) -> u64| {
        rounded(median(rounds.iter().map(|r| count(figure(r)))).unwrap_or_default())
    };
    let read = some(|round| round.device.map(|device| count(device.read)));
    let written = some(|round| round.device.map(|device| count(device.written)));
    Figures {
        wall_s: of(|round| round.wall_s),
        operations: whole(|round| round.operations),
        failed: whole(|round| round.failed),
        operations_per_s: of(|round| round.operations_per_s),
        logical_bytes: whole(|round| round.logical_bytes),
        logical_bytes_per_s: of(|round| round.logical_bytes_per_s),
        latency: Latency {
            min_us: of(|round| round.latency.min_us),
            mean_us: of(|round| round.latency.mean_us),
            p50_us: of(|round| round.latency.p50_us),
            p90_us: of(|round| round.latency.p90_us),
            p99_us: of(|round| round.latency.p99_us),
            p999_us: of(|round| round.latency.p999_us),
            max_us: of(|round| round.latency.max_us),
        },
        late: some(|round| round.late.map(count)).map(rounded),
        server_cpu_s: some(|round| round.server_cpu_s),
        server_rss_bytes: some(|round| round.server_rss_bytes.map(count)).map(rounded),
        device: read
            .zip(written)
            .map(|(read, written)| DeviceBytes { read: rounded(read), written: rounded(written) }),
        client_cpu_s: of(|round| round.client_cpu_s),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a median of counts is none below 0"
)]
fn rounded(figure: f64) -> u64 {
    figure.round() as u64
}

/// Takes the bucket away if it was made.
fn delete_bucket(site: &Site) -> Result<(), Failure> {
    if site.made_bucket {
        return site.ask(async |client| client.delete_bucket().await);
    }
    Ok(())
}

/// Takes away what the run has left: uploads and objects.
fn clean(site: &Site) -> Result<(), Failure> {
    let mut first = None;
    loop {
        let uploads: Vec<Upload> = site.ask(async |client| client.uploads(&site.prefix).await)?;
        if uploads.is_empty() {
            break;
        }
        if first.replace(uploads[0].id.clone()).as_ref() == Some(&uploads[0].id) {
            return Err(Failure::new("StillThere", "an upload is listed although it was aborted"));
        }
        site.each(&uploads, async |client, upload| client.abort(upload).await)?;
    }
    let mut after: Option<String> = None;
    loop {
        let page =
            site.ask(async |client| client.list(&site.prefix, None, after.as_deref()).await)?;
        site.each(&page.keys, async |client, key| client.delete(key).await)?;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(())
}

fn render(command: &Command) -> Result<(), Stop> {
    let Command::Report { files, pages } = command else { return Ok(()) };
    let mut lines = Vec::new();
    for file in files {
        let told =
            |error: &dyn std::fmt::Display| Stop::Usage(format!("{}: {error}", file.display()));
        let text = std::fs::read_to_string(file).map_err(|error| told(&error))?;
        lines.extend(Line::read(&text).map_err(|error| told(&error))?);
    }
    print!("{}", table::table(&lines));
    draw(pages, &lines)
}

fn draw(pages: &Pages, lines: &[Line]) -> Result<(), Stop> {
    let write = |path: &Path, text: Result<String, String>| {
        let text = text.map_err(Stop::Broken)?;
        std::fs::write(path, text)
            .map_err(|error| Stop::Broken(format!("{}: {error}", path.display())))
    };
    if let Some(path) = &pages.html {
        write(path, report::html(lines))?;
    }
    if let Some(path) = &pages.picture {
        write(path, report::picture(lines))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_shown() {
        let line = "tenon-bench copy --secret-key abc --access-key=def --size 1MiB --against-secret-key ghi";
        let shown = without_secrets(line.split(' ').map(str::to_owned)).join(" ");
        assert_eq!(
            shown,
            "tenon-bench copy --secret-key … --access-key=… --size 1MiB --against-secret-key …"
        );
    }

    #[test]
    fn each_figure_is_the_median_of_its_own() {
        let round = |operations, cpu: Option<f64>, written| Figures {
            operations,
            server_cpu_s: cpu,
            device: Some(DeviceBytes { read: 0, written }),
            ..Figures::default()
        };
        let rounds = [round(10, Some(3.0), 30), round(30, Some(1.0), 10), round(20, Some(2.0), 20)];
        let median = median_of(&rounds);
        assert_eq!((median.operations, median.server_cpu_s, median.late), (20, Some(2.0), None));
        assert_eq!(median.device, Some(DeviceBytes { read: 0, written: 20 }));
    }
}
