//! Room: SIGHUP: what it reads again, what it leaves, and what it says.

use std::fs;

use rustix::process::Signal;
use tenon_tests::client::create_bucket;
use tenon_tests::node::Node;

use crate::wait_for_log;

#[test]
fn the_level_of_the_log_is_read_again_and_the_rest_is_told() {
    let mut node = Node::new("reload", None, &[]);
    let file = node.folder().join("tenon.toml");
    let path = file.to_str().expect("text").to_owned();
    let says = |text: &str| fs::write(&file, text).expect("our folder");
    says("[log]\nlevel = 'info'\n[http]\nbody_timeout = '50s'\n");
    node.set(&[("TENON_CONFIG", &path)]);
    node.start_again();
    wait_for_log(&node, "event=serving", 1);

    says("[log]\nlevel = 'error'\n[http]\nbody_timeout = '40s'\nmax_requests = 7\n");
    node.signal(Signal::HUP);
    let told = "event=reloaded certificate=none level=error \
                needs_restart=http.body_timeout,http.max_requests";
    wait_for_log(&node, told, 1);

    // What does not do leaves everything as it was.
    says("[log]\nlevel = 'loud'\n");
    node.signal(Signal::HUP);
    wait_for_log(&node, "event=settings_kept", 1);
    assert!(node.log().contains("tenon.toml:2:1: log.level"), "{}", node.log());

    says("[log]\nlevel = 'info'\n[http]\nbody_timeout = '50s'\n");
    node.signal(Signal::HUP);
    wait_for_log(&node, "event=reloaded certificate=none level=info\n", 1);
    assert_eq!(node.s3().call(&create_bucket("still")).expect("answered").status, 200);
    node.stop();
    assert!(node.log().contains("event=stopped"));
}

#[test]
fn a_quiet_node_says_nothing_but_what_is_wrong() {
    let mut node = Node::start_with("quiet", None, &[("TENON_LOG_LEVEL", "error")]);
    assert_eq!(node.s3().call(&create_bucket("any")).expect("answered").status, 200);
    node.stop();
    let log = node.log();
    assert!(!log.contains(" event="), "{log}");
    assert!(log.contains("CreateBucket"), "access lines have no level: {log}");
}

#[test]
fn a_certificate_is_read_again_or_kept() {
    let mut node = Node::start_tls("certificates", &[]);
    node.identity().renew(2041);
    node.signal(Signal::HUP);
    wait_for_log(&node, "event=reloaded certificate=reloaded", 1);
    fs::write(node.identity().certificate_file(), "no certificate").expect("our folder");
    node.signal(Signal::HUP);
    wait_for_log(&node, "event=reloaded certificate=kept", 1);
    assert!(node.log().contains("event=certificate_kept"), "{}", node.log());
    assert_eq!(node.s3().call(&create_bucket("still")).expect("answered").status, 200);
}
