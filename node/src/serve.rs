//! Room: the life of the process that serves: settings, host, admin socket, engine, shards, S3 socket, and back.
//!
//! Order: the admin socket comes up first and says "starting"; the S3 socket is bound last, when every shard
//! can answer. SIGTERM or SIGINT: `/readyz` turns 503, each answer ends its connection, the drain delay passes,
//! nothing more is accepted, requests in flight finish, exit 0. A second signal cuts what is left; while the node starts, a first one
//! waits for the end of the start, and a second one does not. SIGHUP: see `reload`.
//! Exit codes: 0 told to stop, 1 something broke, 2 settings or host that cannot work.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::access_line::AccessLog;
use crate::admin::{Admin, Phase, Readiness};
use crate::config::{Config, ConfigError, ServeFlags, Settings};
use crate::host;
use crate::http::listen;
use crate::http::tls::{Certificate, TlsKeys};
use crate::log;
use crate::metrics::Metrics;
use crate::notify;
use crate::reload::Reload;
use crate::shard::Factory;
use crate::shard::run::{Drained, Plan, Shards, shard_count};

/// What serves the requests: the store, its threads, and a handler for each shard.
pub struct Engine {
    /// Makes the handlers.
    pub factory: Factory,
    /// What the line that says "serving" tells of it, such as the file system and the first way to copy.
    pub facts: Vec<(&'static str, String)>,
    /// Says why, if the engine can serve no more: the process must end, so that the next start finds out what
    /// is true.
    pub failed: flume::Receiver<String>,
    /// Ends the engine's threads once all shards have ended.
    pub close: Box<dyn FnOnce()>,
}

/// Opens the engine for these settings and this number of shards.
pub type Open = fn(&Arc<Config>, &Arc<Metrics>, usize) -> Result<Engine, String>;

/// Serves until told to stop.
pub fn run(flags: ServeFlags, open: Open) -> ExitCode {
    log::start();
    let ended = live(flags, open);
    if let Err(Failure { problem, .. }) = &ended {
        log::error("cannot_serve", &[("problem", problem)]);
        notify::failed(problem);
    }
    log::finish();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, .. }) => ExitCode::from(code),
    }
}

/// Prints the settings in force and where each comes from: exit 0 if a node could start with them, else 2. Touches no
/// data.
pub fn check(flags: &ServeFlags) -> ExitCode {
    let checked = checked(flags);
    // Whoever closed the pipe does not want to know.
    let _ = match &checked {
        Ok((told, warnings)) => {
            let warnings = warnings.iter().map(|warning| format!("warning: {warning}\n"));
            let _ = io::stderr().write_all(warnings.collect::<String>().as_bytes());
            io::stdout().write_all(told.as_bytes())
        }
        Err(problem) => writeln!(io::stderr(), "error: {problem}"),
    };
    if checked.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(2) }
}

/// The settings as text, and what the operator should know of them.
fn checked(flags: &ServeFlags) -> Result<(String, Vec<String>), String> {
    let wrong = |error: ConfigError| error.to_string();
    let mut settings = Settings::gather(flags, std::env::vars_os()).map_err(wrong)?;
    let (config, mut warnings) = settings.config().map_err(wrong)?;
    if let Some(files) = &config.tls {
        warnings.extend(Certificate::load(files)?.warnings);
    }
    Ok((settings.effective(), warnings))
}

struct Failure {
    code: u8,
    problem: String,
}

impl Failure {
    /// The operator can change something.
    fn setup(problem: &impl ToString) -> Self {
        Self { code: 2, problem: problem.to_string() }
    }

    /// Something broke.
    fn broken(problem: &impl ToString) -> Self {
        Self { code: 1, problem: problem.to_string() }
    }
}

fn live(flags: ServeFlags, open: Open) -> Result<(), Failure> {
    // From here on a signal waits until somebody listens; before that it ends the process.
    let signals =
        Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(|error| Failure::broken(&error))?;
    let settings =
        Settings::gather(&flags, std::env::vars_os()).map_err(|error| Failure::setup(&error))?;
    let (mut config, warnings) = settings.config().map_err(|error| Failure::setup(&error))?;
    log::set_level(config.log.level);
    for warning in &warnings {
        log::warn("setting", &[("problem", warning)]);
    }
    log::set_format(config.log.format);
    host::prepare(&mut config).map_err(|error| Failure::setup(&error))?;
    let config = Arc::new(config);
    let shards = shard_count(&config);
    let metrics = Arc::new(Metrics::new(shards));
    let tls = config.tls.as_ref().map(|files| TlsKeys::open(files, &metrics)).transpose();
    let plan = Plan {
        tls: tls.map_err(|problem| Failure::setup(&problem))?.map(Arc::new),
        metrics,
        access: AccessLog::start(io::stdout(), config.log.format),
        config,
        shards,
    };
    let readiness = Arc::new(Readiness::default());
    let admin = Admin::new(Arc::clone(&readiness), Arc::clone(&plan.metrics), plan.access.clone());
    let address = plan.config.admin_listen;
    let admin = admin
        .start(address)
        .map_err(|error| Failure::setup(&format!("--admin-listen {address}: {error}")))?;
    log::info("admin_listening", &[("address", &admin)]);
    let (tls, readiness_seen) = (plan.tls.clone(), Arc::clone(&readiness));
    let reload = Reload { flags, settings, tls, readiness: readiness_seen };
    let stop = watch_signals(signals, reload).map_err(|error| Failure::broken(&error))?;
    notify::starting("opening the data");
    let engine =
        open(&plan.config, &plan.metrics, shards).map_err(|error| Failure::setup(&error))?;
    let ended = serve(&plan, &readiness, &engine, &stop);
    plan.access.flush();
    (engine.close)();
    ended
}

fn serve(
    plan: &Plan,
    readiness: &Readiness,
    engine: &Engine,
    stop: &flume::Receiver<()>,
) -> Result<(), Failure> {
    let mut shards =
        Shards::start(plan, &engine.factory).map_err(|error| Failure::broken(&error))?;
    let mut listeners = Vec::new();
    let mut addresses = Vec::new();
    for address in &plan.config.listen {
        let wrong = |error| Failure::setup(&format!("--listen {address}: {error}"));
        let listener = listen::bind(*address).map_err(wrong)?;
        addresses.push(listener.local_addr().map_err(wrong)?.to_string());
        listeners.push(listener);
    }
    shards.listen(listeners);
    readiness.set(Phase::Serving);
    let (addresses, data) = (addresses.join(","), plan.config.data.display());
    let own: [log::Field<'_>; 3] =
        [("addresses", &addresses), ("shards", &plan.shards), ("data", &data)];
    let facts = engine.facts.iter().map(|(key, value)| -> log::Field<'_> { (key, value) });
    log::info("serving", &own.into_iter().chain(facts).collect::<Vec<_>>());
    notify::ready(&format!("serving on {addresses}"));

    let mut failed = shards.wait(stop, &engine.failed, None);
    readiness.set(Phase::Draining);
    let http = &plan.config.http;
    notify::stopping(http.drain_delay + http.drain_timeout + ENDING_TIME_MAX);
    if failed.is_none() {
        shards.leave();
        log::info("draining", &[]);
        // A second signal ends the delay, and so does what breaks.
        failed = shards.wait(stop, &engine.failed, Some(http.drain_delay));
    }
    if let Some(problem) = failed {
        // The other shards still have requests to finish, but none of them may wait for the dead one.
        let _ = shards.drain(Duration::ZERO, stop);
        return Err(Failure::broken(&problem));
    }
    let drained = shards.drain(http.drain_timeout, stop);
    let drained = drained.map_err(|problem| Failure::broken(&problem))?;
    if let Ok(problem) = engine.failed.try_recv() {
        return Err(Failure::broken(&problem));
    }
    match drained {
        Drained::Finished => log::info("stopped", &[]),
        Drained::Cut => log::warn("stopped", &[("requests", &"cut")]),
    }
    Ok(())
}

/// A thread that says once for each SIGTERM and SIGINT that it is time to stop, and reloads at each SIGHUP. The second
/// of them ends a start that takes too long: what it leaves is what a crash leaves.
fn watch_signals(mut signals: Signals, mut reload: Reload) -> io::Result<flume::Receiver<()>> {
    let (sender, receiver) = flume::bounded(4);
    let readiness = Arc::clone(&reload.readiness);
    let watch = move || {
        let mut told = 0;
        for signal in signals.forever() {
            if signal == SIGHUP {
                reload.run();
                continue;
            }
            told += 1;
            if told > 1 && readiness.get() == Phase::Starting {
                log::warn("start_cut", &[]);
                log::finish();
                std::process::exit(1);
            }
            // Whoever sends five signals is heard with the first four.
            let _ = sender.try_send(());
        }
    };
    std::thread::Builder::new().name("tenon-signals".into()).spawn(watch)?;
    Ok(receiver)
}

/// For what follows the drain: cut what is left, end the threads, close the store.
const ENDING_TIME_MAX: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::thread;

    use protocol::sign::Credential;

    use super::*;
    use crate::config::LogFormat;
    use crate::exchange::{Request, Response};
    use crate::seam::Local;
    use crate::shard::Handler;

    struct Nobody;

    impl Handler for Nobody {
        fn serve(&self, _request: Request) -> Local<'static, Response> {
            Box::pin(std::future::pending())
        }

        fn close(&self) -> Local<'static, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    /// Serves with a drain delay of an hour, and gives what came of it. `during` runs once the node drains.
    fn served(
        during: impl FnOnce(&flume::Sender<()>, &flume::Sender<String>) + Send,
    ) -> Result<(), u8> {
        let root = Credential { access_key: "root".into(), secret_key: "12345678".into() };
        let mut config = Config::new("/nowhere".into(), root);
        config.listen = vec!["127.0.0.1:0".parse().expect("an address")];
        config.http.drain_delay = Duration::from_secs(3600);
        let plan = Plan {
            config: Arc::new(config),
            shards: 1,
            metrics: Arc::new(Metrics::new(1)),
            access: AccessLog::start(io::sink(), LogFormat::Text),
            tls: None,
        };
        let (fail, failed) = flume::bounded(1);
        let (stop, stopped) = flume::bounded(2);
        let factory: Factory =
            Arc::new(|_seat| Box::pin(async { Ok(Rc::new(Nobody) as Rc<dyn Handler>) }));
        let engine = Engine { factory, facts: Vec::new(), failed, close: Box::new(|| ()) };
        let readiness = Readiness::default();
        let phase = |wanted| {
            while readiness.get() != wanted {
                thread::yield_now();
            }
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                phase(Phase::Serving);
                stop.send(()).expect("it listens");
                phase(Phase::Draining);
                during(&stop, &fail);
            });
            serve(&plan, &readiness, &engine, &stopped).map_err(|failure| failure.code)
        })
    }

    #[test]
    fn what_breaks_during_the_drain_delay_ends_it() {
        assert_eq!(served(|_stop, fail| fail.send("broken".into()).expect("it listens")), Err(1));
        assert_eq!(served(|stop, _fail| stop.send(()).expect("it listens")), Ok(()));
    }
}
