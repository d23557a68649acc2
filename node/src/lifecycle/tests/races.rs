//! What clients do while rules are carried out.

use super::*;
use crate::seam::Local;

/// Runs one look, in which `change` happens after `steps` polls; false if the look was over by then.
fn pass_with(node: &TestNode, steps: usize, change: impl FnOnce(&TestNode)) -> bool {
    let worker = LifecycleWorker::new(node.machine.clone());
    let mut look: Local<'_, ()> = Box::pin(worker.pass());
    let over = node.poll(&mut look, steps);
    change(node);
    if !over {
        node.run(look);
    }
    !over
}

/// At which step ever it happens, and to the end of the look.
fn at_each_step(story: impl Fn(usize) -> bool) {
    let steps = (1..1000).take_while(|steps| story(*steps)).count();
    assert!(steps > 3, "{steps} steps are no race");
}

#[test]
fn what_is_written_meanwhile_stays() {
    // rule: lifecycle/overtaken
    for status in [None, Some("Enabled"), Some("Suspended")] {
        at_each_step(|steps| {
            let node = node();
            if let Some(status) = status {
                versions(&node, status);
            }
            node.put("/bkt/a", b"old");
            rules(&node, &[rule("all", "", &days(1))]);
            wait(&node, DAY);
            let raced = pass_with(&node, steps, |node| node.put("/bkt/a", b"new"));
            assert_eq!(node.get("/bkt/a"), b"new", "{status:?}, step {steps}");
            raced
        });
    }
}

#[test]
fn a_version_that_is_the_latest_again_stays() {
    // rule: lifecycle/overtaken
    at_each_step(|steps| {
        let node = node();
        versions(&node, "Enabled");
        node.put("/bkt/a", b"old");
        let newer = node.send("PUT", "/bkt/a", &[], b"newer");
        let newer = newer.header("x-amz-version-id").expect("a version").to_owned();
        rules(&node, &[rule("older", "", &noncurrent(1, None))]);
        wait(&node, DAY);
        let mut promoted = false;
        let raced = pass_with(&node, steps, |node| {
            let listed = listed(node).len();
            let target = format!("/bkt/a?versionId={newer}");
            assert_eq!(node.send("DELETE", &target, &[], b"").status, 204);
            promoted = listed == 2;
        });
        // Either it was gone before, or it is the latest now and stays.
        assert_eq!(status(&node, "a") == 200, promoted, "step {steps}");
        raced
    });
}

#[test]
fn a_marker_over_a_new_version_stays() {
    // rule: lifecycle/overtaken
    at_each_step(|steps| {
        let node = node();
        versions(&node, "Enabled");
        assert_eq!(node.send("DELETE", "/bkt/a", &[], b"").status, 204);
        rules(&node, &[rule("markers", "", MARKERS)]);
        let mut gone = false;
        let raced = pass_with(&node, steps, |node| {
            gone = listed(node).is_empty();
            node.put("/bkt/a", b"x");
        });
        assert_eq!(listed(&node).len(), if gone { 1 } else { 2 }, "step {steps}");
        raced
    });
}

#[test]
fn rules_and_buckets_that_go_meanwhile_end_the_look() {
    // rule: lifecycle/overtaken
    at_each_step(|steps| {
        let node = node();
        node.put("/bkt/a", b"x");
        rules(&node, &[rule("all", "", &days(1))]);
        wait(&node, DAY);
        let raced = pass_with(&node, steps, |node| {
            let _gone_before = node.send("DELETE", "/bkt/a", &[], b"");
            assert_eq!(node.send("DELETE", "/bkt", &[], b"").status, 204);
            assert_eq!(node.send("PUT", "/bkt", &[], b"").status, 200);
            node.put("/bkt/a", b"of another bucket");
        });
        assert_eq!(node.get("/bkt/a"), b"of another bucket", "step {steps}");
        assert_eq!(node.machine.metrics.lifecycle().errors.get(), 0);
        raced
    });
}

#[test]
fn an_upload_that_is_completed_meanwhile_is_an_object() {
    // rule: lifecycle/overtaken
    at_each_step(|steps| {
        let node = node();
        let upload = node.create_upload("/bkt/a", &[]);
        let target = format!("/bkt/a?uploadId={upload}&partNumber=1");
        let part = node.send("PUT", &target, &[], b"part");
        let etag = part.header("etag").expect("an ETag").to_owned();
        rules(&node, &[rule("uploads", "", &aborts(1))]);
        wait(&node, DAY);
        let mut completed = 0;
        let raced = pass_with(&node, steps, |node| {
            completed = node.complete("/bkt/a", &upload, &[(1, etag.clone())]).status;
        });
        let is_there = status(&node, "a") == 200;
        assert_eq!(is_there, completed == 200, "step {steps}");
        raced
    });
}
