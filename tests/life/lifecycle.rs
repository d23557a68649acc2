//! Room: lifecycle rules on a running node, whose day is two seconds.

use tenon_tests::client::{Call, abort_upload, create_bucket, create_upload, put_lifecycle};
use tenon_tests::node::Node;

use crate::wait_until;

const RULES: &str = "<Rule><ID>logs</ID><Filter><Prefix>log/</Prefix></Filter><Status>Enabled</Status>\
     <Expiration><Days>1</Days></Expiration></Rule>\
     <Rule><ID>uploads</ID><Filter/><Status>Enabled</Status>\
     <AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation>\
     </AbortIncompleteMultipartUpload></Rule>";

#[test]
fn rules_are_carried_out_while_the_node_serves_and_after_a_start() {
    // rule: lifecycle/worker, lifecycle/day-setting
    let settings = [("TENON_LIFECYCLE_DAY", "2s"), ("TENON_LIFECYCLE_INTERVAL", "100ms")];
    let mut node = Node::start_with("lifecycle", None, &settings);
    let s3 = node.s3();
    let call = |call: Call, status: u16| {
        let reply = s3.call(&call).expect("answered");
        assert_eq!(reply.status, status, "{call:?}: {}", reply.text());
        reply
    };
    call(create_bucket("bucket"), 200);
    call(put_lifecycle("bucket", RULES), 200);
    call(Call::new("PUT", "/bucket/kept").body("kept"), 200);
    let put = call(Call::new("PUT", "/bucket/log/1").body("goes"), 200);
    let told = put.header("x-amz-expiration").expect("told").to_owned();
    assert!(told.ends_with("rule-id=\"logs\""), "{told}");
    let upload = call(create_upload("/bucket/open"), 200).element("UploadId").expect("an id");
    let gone = |target: &str, query: &str| {
        let asked = Call::new("GET", target).query(query);
        s3.call(&asked).expect("answered").status == 404
    };
    wait_until("the object expires", || gone("/bucket/log/1", ""));
    wait_until("the upload is aborted", || gone("/bucket/open", &format!("uploadId={upload}")));
    call(abort_upload("/bucket/open", &upload), 404);
    call(Call::new("GET", "/bucket/kept"), 200);
    let figures = node.metrics();
    for action in ["expire", "abort"] {
        assert!(figures.sum("tenon_lifecycle_actions_total", &[("action", action)]) > 0.0);
    }
    assert!(figures.sum("tenon_lifecycle_errors_total", &[]) < 1.0, "nothing fails");
    assert!(node.log().contains("event=lifecycle_pass"), "{}", node.log());

    // What a node has not come to before it is killed it does after the next start.
    call(Call::new("PUT", "/bucket/log/2").body("goes later"), 200);
    node.kill();
    node.start_again();
    wait_until("the object expires", || gone("/bucket/log/2", ""));
    node.stop();
}
