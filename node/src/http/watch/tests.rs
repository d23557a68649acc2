use super::*;

fn config() -> HttpConfig {
    HttpConfig {
        header_timeout: Duration::from_secs(10),
        body_timeout: Duration::from_secs(60),
        idle_timeout: Duration::from_secs(75),
        write_timeout: Duration::from_secs(60),
        request_timeout: Duration::from_secs(3600),
        min_rate: 1024,
        keepalive_after: Duration::from_secs(5),
        keepalive_interval: Duration::from_secs(5),
        drain_timeout: Duration::ZERO,
        drain_delay: Duration::ZERO,
        max_connections: 1,
        max_requests: 1,
        trusted_proxies: Vec::new(),
    }
}

/// Lets `seconds` pass in ticks of the given watchman.
fn pass(watchman: &Watchman, seconds: u64) {
    pass_counted(watchman, seconds, &Metrics::new(1));
}

fn pass_counted(watchman: &Watchman, seconds: u64, metrics: &Metrics) {
    let end = Duration::from_secs(seconds).as_millis() / watchman.tick.as_millis();
    for _ in 0..end {
        watchman.ticks.set(watchman.ticks.get() + 1);
        let mut from = Some(0);
        while let Some(start) = from {
            from = watchman.sweep_some(start, metrics);
        }
    }
}

#[test]
fn each_wait_has_its_own_limit() {
    let watchman = Watchman::new(&config());
    let head = watchman.watch();
    let idle = watchman.watch();
    idle.watch.enter(Phase::Idle);
    let busy = watchman.watch();
    busy.watch.enter(Phase::Exchange);
    let slow_reader = watchman.watch();
    slow_reader.watch.enter(Phase::Exchange);
    slow_reader.watch.write_blocked();
    let slow_sender = watchman.watch();
    slow_sender.watch.enter(Phase::Exchange);
    slow_sender.watch.await_body(Waker::noop());

    pass(&watchman, 10);
    assert!(!head.watch.is_cut());
    pass(&watchman, 1);
    assert!(head.watch.is_cut() && !idle.watch.is_cut());
    pass(&watchman, 50);
    assert!(slow_reader.watch.is_cut());
    assert!(slow_sender.watch.is_body_stalled() && !slow_sender.watch.is_cut());
    pass(&watchman, 15);
    assert!(idle.watch.is_cut() && !busy.watch.is_cut());
}

#[test]
fn each_limit_is_counted_once_for_each_who_passes_it() {
    let (watchman, metrics) = (Watchman::new(&config()), Metrics::new(1));
    let watched: Vec<Watched> = (0..6).map(|_| watchman.watch()).collect();
    let [_head, idle, linger, write, body, request] = &*watched else { panic!("six") };
    idle.watch.enter(Phase::Idle);
    linger.watch.enter(Phase::Linger);
    [write, body, request].into_iter().for_each(|one| one.watch.enter(Phase::Exchange));
    write.watch.write_blocked();
    body.watch.await_body(Waker::noop());
    pass_counted(&watchman, 3700, &metrics);
    let text = metrics.render();
    for (reason, count) in [
        ("header_timeout", 1),
        ("idle_timeout", 1),
        ("linger", 1),
        ("write_timeout", 1),
        ("body_timeout", 1),
        // All three of them, but the one that was cut.
        ("request_timeout", 2),
        ("min_rate", 0),
    ] {
        let line = format!("tenon_cut_total{{reason=\"{reason}\"}} {count}");
        assert!(text.lines().any(|have| have == line), "{line} in\n{text}");
    }
}

#[test]
fn progress_starts_the_wait_anew() {
    let watchman = Watchman::new(&config());
    let Watched { ref watch, .. } = watchman.watch();
    watch.enter(Phase::Exchange);
    for _ in 0..4 {
        watch.await_body(Waker::noop());
        watch.write_blocked();
        pass(&watchman, 50);
        watch.body_moved(100_000);
        watch.sent(100_000);
    }
    assert!(!watch.is_cut() && !watch.is_body_stalled());
    watch.enter(Phase::Idle);
    watch.flushed();
    pass(&watchman, 70);
    watch.received(true);
    assert_eq!(watch.phase(), Phase::Head);
    pass(&watchman, 10);
    assert!(!watch.is_cut());
    pass(&watchman, 1);
    assert!(watch.is_cut());
}

#[test]
fn who_drips_is_late_and_who_waits_for_us_is_not() {
    let watchman = Watchman::new(&config());
    let drip = |len, ours| {
        let watched = watchman.watch();
        let watch = &watched.watch;
        watch.enter(Phase::Exchange);
        for _ in 0..20 {
            watch.await_body(Waker::noop());
            pass(&watchman, 10);
            watch.body_moved(len);
            pass(&watchman, ours);
        }
        watch.is_body_stalled()
    };
    // Ten seconds at 1 KiB a second.
    assert!(!drip(10 * 1024, 0));
    assert!(drip(10 * 1024 - 200, 0));
    assert!(drip(10 * 1024 - 200, 100), "what we take makes it no faster");

    let reader = watchman.watch();
    reader.watch.enter(Phase::Exchange);
    for _ in 0..7 {
        assert!(!reader.watch.is_cut());
        reader.watch.write_blocked();
        pass(&watchman, 10);
        reader.watch.sent(1000);
    }
    assert!(reader.watch.is_cut());
}

#[test]
fn a_request_without_an_answer_expires_and_one_with_it_is_cut() {
    let watchman = Watchman::new(&config());
    let [waiting, answered] = [watchman.watch(), watchman.watch()];
    waiting.watch.enter(Phase::Exchange);
    answered.watch.enter(Phase::Exchange);
    answered.watch.answered();
    pass(&watchman, 3600);
    assert!(!waiting.watch.is_expired() && !answered.watch.is_cut());
    pass(&watchman, 1);
    assert!(waiting.watch.is_expired() && !waiting.watch.is_cut());
    assert!(answered.watch.is_cut() && !answered.watch.is_expired());
}

#[test]
fn a_head_that_began_behind_a_request_has_the_time_of_a_head() {
    let watchman = Watchman::new(&config());
    let Watched { ref watch, .. } = watchman.watch();
    watch.received(false);
    watch.enter(Phase::Exchange);
    watch.received(true);
    pass(&watchman, 60);
    watch.over();
    watch.flushed();
    assert_eq!(watch.phase(), Phase::Head);
    pass(&watchman, 11);
    assert!(watch.is_late_head());
}

/// The HTTP library lets go of an answer when it has queued its last bytes, half a mebibyte of them perhaps.
#[test]
fn the_end_of_an_answer_has_the_time_of_a_reader() {
    for pipelined in [false, true] {
        let watchman = Watchman::new(&config());
        let Watched { ref watch, .. } = watchman.watch();
        watch.enter(Phase::Exchange);
        if pipelined {
            watch.received(true);
        }
        watch.over();
        for _ in 0..20 {
            watch.write_blocked();
            pass(&watchman, 10);
            watch.sent(20_000);
        }
        assert!(!watch.is_cut(), "it reads faster than it must");
        watch.flushed();
        // From here on it is late with what comes next, in that one's time.
        let limit = if pipelined { 10 } else { 75 };
        pass(&watchman, limit);
        assert!(!watch.is_cut());
        pass(&watchman, 1);
        assert_eq!((watch.is_cut(), watch.is_late_head()), (true, pipelined));
    }
}

#[test]
fn no_refusal_of_a_head_goes_into_the_answer_before_it() {
    let watchman = Watchman::new(&config());
    let Watched { ref watch, .. } = watchman.watch();
    watch.enter(Phase::Exchange);
    watch.received(true);
    watch.over();
    watch.write_blocked();
    pass(&watchman, 61);
    assert!(watch.is_cut() && !watch.is_late_head());
}

#[test]
fn a_sweep_in_steps_misses_nobody() {
    let watchman = Watchman::new(&config());
    let many: Vec<Watched> = (0..3 * SWEEP_LEN_MAX + 7).map(|_| watchman.watch()).collect();
    pass(&watchman, 11);
    assert!(many.iter().all(|one| one.watch.is_cut()));
}

#[test]
fn the_last_connection_wakes_who_waits_for_the_end() {
    let watchman = Watchman::new(&config());
    let first = watchman.watch();
    let context = &mut Context::from_waker(Waker::noop());
    watchman.drain();
    assert!(first.watch.is_draining() && watchman.watch().watch.is_draining());
    assert!(watchman.poll_empty(context).is_pending());
    drop(first);
    assert!(watchman.poll_empty(context).is_ready());
}
