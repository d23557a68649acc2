use super::*;

#[track_caller]
fn has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|have| have == *line), "{line} in\n{text}");
    }
}

#[test]
fn requests_of_all_shards_are_summed() {
    let metrics = Metrics::new(2);
    let finished = Finished {
        operation: Some("GetObject"),
        status: Some(206),
        error: None,
        bytes_in: 0,
        bytes_out: 1000,
        first_byte_us: 200,
        total_us: 300,
    };
    metrics.shard(0).request(finished);
    metrics.shard(1).request(finished);
    metrics.shard(1).request(Finished { operation: None, status: Some(299), ..finished });
    metrics.copied(Way::Reflink, CopiedBytes(5), MovedBytes(0));
    metrics.copied_inline(CopiedBytes(3));
    has(
        &metrics.render(),
        &[
            "tenon_requests_total{operation=\"GetObject\",status=\"206\"} 2",
            "tenon_requests_total{operation=\"none\",status=\"other\"} 1",
            "tenon_request_duration_seconds_bucket{operation=\"GetObject\",le=\"0.00025\"} 0",
            "tenon_request_duration_seconds_bucket{operation=\"GetObject\",le=\"0.0005\"} 2",
            "tenon_request_duration_seconds_bucket{operation=\"GetObject\",le=\"+Inf\"} 2",
            "tenon_request_duration_seconds_sum{operation=\"GetObject\"} 0.0006",
            "tenon_request_first_byte_seconds_bucket{operation=\"GetObject\",le=\"0.00025\"} 2",
            "tenon_response_bytes_total{operation=\"GetObject\"} 2000",
            "tenon_shard_requests_total{shard=\"1\"} 2",
            "tenon_copy_pieces_total{way=\"reflink\"} 1",
            "tenon_copy_logical_bytes_total{way=\"reflink\"} 5",
            "tenon_copy_logical_bytes_total{way=\"inline\"} 3",
        ],
    );
}

#[test]
fn errors_are_counted_by_code_whatever_the_status_was() {
    let metrics = Metrics::new(1);
    let finished = |status, error| Finished {
        operation: Some("CompleteMultipartUpload"),
        status,
        error,
        bytes_in: 0,
        bytes_out: 0,
        first_byte_us: 0,
        total_us: 0,
    };
    metrics.shard(0).request(finished(Some(200), Some("InternalError")));
    metrics.shard(0).request(finished(Some(404), Some("NoSuchUpload")));
    metrics.shard(0).request(finished(None, None));
    metrics.shard(0).request(finished(Some(400), Some("Unheard")));
    let text = metrics.render();
    has(
        &text,
        &[
            "tenon_request_errors_total{operation=\"CompleteMultipartUpload\",code=\"InternalError\"} 1",
            "tenon_request_errors_total{operation=\"CompleteMultipartUpload\",code=\"NoSuchUpload\"} 1",
            "tenon_request_errors_total{operation=\"CompleteMultipartUpload\",code=\"other\"} 1",
            "tenon_requests_total{operation=\"CompleteMultipartUpload\",status=\"none\"} 1",
            // Without an answer there was no first byte.
            "tenon_request_first_byte_seconds_count{operation=\"CompleteMultipartUpload\"} 3",
            "tenon_request_duration_seconds_count{operation=\"CompleteMultipartUpload\"} 4",
        ],
    );
}

#[test]
fn refused_ways_are_counted_and_told_once_a_minute() {
    let metrics = Metrics::new(1);
    let at = |millis: u64| Timestamp::from_millis(1_790_000_000_000 + millis);
    let told: Vec<bool> =
        [0, 1, 59_999, 60_000, 60_001].map(|ms| metrics.copy_refused(Way::Splice, at(ms))).into();
    assert_eq!(told, [true, false, false, true, false]);
    assert!(metrics.copy_refused(Way::Reflink, at(60_001)), "each way has its own minute");
    has(
        &metrics.render(),
        &[
            "tenon_copy_refused_total{way=\"splice\"} 5",
            "tenon_copy_refused_total{way=\"reflink\"} 1",
            "tenon_copy_refused_total{way=\"copy_file_range\"} 0",
        ],
    );
}

#[test]
fn sources_are_asked_each_time_and_threads_are_told_by_name() {
    let metrics = Metrics::new(1);
    let len: fn() -> Option<usize> = || Some(3);
    let ended: fn() -> Option<usize> = || None;
    let queue = |queue, len| QueueLength { queue, len: Box::new(len), capacity: 9 };
    metrics.watch_queues([queue("commit", len), queue("flush", ended)]);
    metrics.thread_runs("shard-0".into());
    let text = metrics.render();
    has(
        &text,
        &["tenon_queue_length{queue=\"commit\"} 3", "tenon_queue_capacity{queue=\"flush\"} 9"],
    );
    assert!(!text.contains("tenon_queue_length{queue=\"flush\"}"), "it has ended");
    assert!(text.contains("\ntenon_thread_cpu_seconds_total{thread=\"shard-0\"} "), "{text}");
    assert!(text.contains("\nprocess_resident_memory_bytes "), "{text}");
    let rss = text.lines().find_map(|line| line.strip_prefix("process_start_time_seconds "));
    let started: f64 = rss.and_then(|value| value.parse().ok()).expect("told");
    let now = crate::log::now().as_millis() as f64 / 1000.0;
    assert!((0.0..86_400.0).contains(&(now + 2.0 - started)), "{started} and {now}");
}

#[test]
fn file_systems_are_told_once_they_are_measured() {
    let metrics = Metrics::new(1);
    assert!(!metrics.render().contains("tenon_disk_free_bytes{"), "nothing is known yet");
    metrics.room(FileSystem::Data).total.set(10);
    metrics.room(FileSystem::Data).free.set(7);
    has(&metrics.render(), &["tenon_disk_free_bytes{file_system=\"data\"} 7"]);
}
