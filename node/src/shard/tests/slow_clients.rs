//! Clients and requests that take too long, on the wire.

use super::*;

#[test]
fn a_request_that_takes_too_long_is_answered_or_cut() {
    let node = Node::start(1, |config| {
        config.http.request_timeout = Duration::from_millis(300);
    });
    let mut waiting = node.connect();
    waiting.send("GET /bkt/wait HTTP/1.1\r\nhost: a\r\n\r\n");
    let answer = waiting.answer(false);
    assert_identified(&answer);
    assert!(answer.text().contains("<Code>RequestTimeout</Code>"), "{}", answer.text());
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(waiting.rest().is_empty());
    // So does a body, in the bulk queue, that never ends.
    let mut dripping = node.connect();
    dripping.send("PUT /bkt/k HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n12345");
    let answer = dripping.answer(false);
    assert!(answer.text().contains("<Code>RequestTimeout</Code>"), "{}", answer.text());
    // What has been answered in part can only be cut.
    let mut reader = node.connect();
    for _ in 0..8 {
        reader.send("GET /bkt/long HTTP/1.1\r\nhost: a\r\n\r\n");
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while !node.lines().contains(" cut=true") {
        assert!(Instant::now() < deadline, "never cut");
        std::thread::yield_now();
    }
    assert!(reader.rest().len() < 8 * usize::try_from(LONG_LEN).expect("fits"));
}

#[test]
fn who_drips_below_the_minimum_rate_is_late() {
    let node = Node::start(1, |config| {
        config.http.body_timeout = Duration::from_millis(400);
        config.http.min_rate = 1 << 20;
    });
    let mut client = node.connect();
    client.send("PUT /bkt/k HTTP/1.1\r\nhost: a\r\ncontent-length: 100000000\r\n\r\n");
    let mut sender = client.stream.try_clone().expect("cloned");
    let dripping = std::thread::spawn(move || {
        // A byte each hundredth of a second never lets the body stand still.
        while sender.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    assert_eq!(client.answer(false).text(), "late");
    client.stream.shutdown(Shutdown::Both).ok();
    dripping.join().expect("no panic");
}

#[test]
fn slow_heads_and_idle_connections_are_cut() {
    let node = Node::start(1, |config| {
        config.http.header_timeout = Duration::from_millis(200);
        config.http.idle_timeout = Duration::from_millis(900);
    });
    let start = Instant::now();
    let mut silent = node.connect();
    let mut slow = node.connect();
    slow.send("GET /bkt/hello HTTP/1.1\r\nho");
    let mut idle = node.connect();
    assert_eq!(idle.get("hello").text(), "hello");
    assert!(silent.rest().is_empty());
    let answer = slow.answer(false);
    assert_identified(&answer);
    assert!(answer.text().contains("<Code>RequestTimeout</Code>"), "{}", answer.text());
    assert!(slow.rest().is_empty());
    assert!(start.elapsed() >= Duration::from_millis(200));
    // Longer than a head may take, but idle: still there.
    assert_eq!(idle.get("hello").text(), "hello");
    let answered = Instant::now();
    assert!(idle.rest().is_empty());
    assert!(answered.elapsed() >= Duration::from_millis(900));
}

#[test]
fn a_body_that_stalls_is_an_error_to_the_operation() {
    let node = Node::start(1, |config| config.http.body_timeout = Duration::from_millis(200));
    let mut client = node.connect();
    client.send("PUT /bkt/k HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n12345");
    assert_eq!(client.answer(false).text(), "late");
    // And one that ends short.
    let mut client = node.connect();
    client.send("PUT /bkt/k HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n12345");
    client.stream.shutdown(Shutdown::Write).expect("shut down");
    assert_eq!(client.answer(false).text(), "short");
    assert!(client.rest().is_empty());
}

#[test]
fn a_client_that_does_not_read_is_cut() {
    let node = Node::start(1, |config| config.http.write_timeout = Duration::from_millis(300));
    let mut client = node.connect();
    assert_eq!(client.get("hello").text(), "hello");
    for _ in 0..8 {
        client.send("GET /bkt/long HTTP/1.1\r\nhost: a\r\n\r\n");
    }
    // The request is over, which only the time-out can bring about: nobody reads.
    let deadline = Instant::now() + Duration::from_secs(20);
    while node.metrics.connections_open.get() > 0 {
        assert!(Instant::now() < deadline, "never cut");
        std::thread::yield_now();
    }
    assert!(client.rest().len() < 8 * usize::try_from(LONG_LEN).expect("fits"));
    assert!(node.lines().contains(" cut=true"));
}
