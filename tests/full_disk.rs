//! Room: a disk without room: filled by clients, and filled by somebody else.
//!
//! On small file systems of our own, XFS and ext4. Writes are refused with an error that SDKs do not repeat, all
//! else goes on, deletes give space back, and nothing of it needs a restart.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tenon_tests::client::{
    Call, S3, Session, abort_upload, complete_upload, copy_part, create_bucket, create_upload,
    upload_part,
};
use tenon_tests::content::Content;
use tenon_tests::http::Reply;
use tenon_tests::loop_mount::{FileSystem, IMAGE_LEN_MIN, LoopMount};
use tenon_tests::node::Node;
use tenon_tests::skip::skip;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const PART_LEN: u64 = 5 * MIB;
const OBJECT_LEN: u64 = 4 * MIB + 1;

/// The node measures its disk once a second.
const ROOM_SEEN_WITHIN: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

const WORKERS: u64 = 4;
const REFILLS_MAX: u32 = 20;

/// Puts of one length in a row. If all are let in, the node has looked at its disk meanwhile and found more room.
const IN_A_ROW_MAX: u32 = 16;

/// Objects that were acknowledged, by path.
type Objects = BTreeMap<String, Content>;

/// What must be in the bucket.
#[derive(Default)]
struct Stored {
    objects: Objects,
    /// How many were put, of which some took the place of others.
    puts: u64,
}

fn with_node(kind: FileSystem, test: impl FnOnce(&LoopMount, &mut Node)) {
    let mount = match LoopMount::new(kind, IMAGE_LEN_MIN) {
        Ok(mount) => mount,
        Err(why) => return skip(&format!("a full disk on {kind}"), &why),
    };
    let mut node = Node::start_with("full-disk", Some(&mount.path().join("data")), &[]);
    let created = node.s3().call(&create_bucket("full")).expect("the node answers");
    assert_eq!(created.status, 200, "{}", created.text());
    test(&mount, &mut node);
}

fn must_succeed(reply: std::io::Result<Reply>) -> Reply {
    let reply = reply.expect("the node answers");
    assert!(matches!(reply.status, 200 | 204), "{}: {}", reply.status, reply.text());
    reply
}

/// The answer that SDKs take for an error of the server but do not repeat.
fn must_lack_space(what: &str, reply: std::io::Result<Reply>) {
    let reply = reply.expect("the node answers");
    assert_eq!(reply.status, 507, "{what}: {}", reply.text());
    assert_eq!(reply.element("Code").as_deref(), Some("InsufficientStorage"), "{what}");
    assert!(reply.element("Message").is_some_and(|text| !text.is_empty()), "{what}");
    assert_eq!(reply.header("content-type"), Some("application/xml"), "{what}");
    assert_eq!(reply.element("RequestId").as_deref(), reply.header("x-amz-request-id"), "{what}");
}

fn put(s3: &S3, path: &str, content: &Content) -> std::io::Result<Reply> {
    s3.session()?.put(Call::new("PUT", path), content)
}

/// Puts large objects and then smaller ones, until there is no room for a single byte.
fn fill(s3: &S3, stored: &mut Stored) {
    for len in [OBJECT_LEN, 512 * KIB, 64 * KIB, 8 * KIB, KIB, 128, 16, 2, 1] {
        let in_a_row_max = if len == OBJECT_LEN { u32::MAX } else { IN_A_ROW_MAX };
        for _ in 0..in_a_row_max {
            stored.puts += 1;
            // Small ones take no blocks of their own: they replace each other, and are few in the end.
            let name = if len < 64 * KIB { len } else { stored.puts };
            let path = format!("/full/filler-{name}");
            let content = Content::new(stored.puts, len);
            let reply = put(s3, &path, &content).expect("the node answers");
            if reply.status != 200 {
                must_lack_space("a put", Ok(reply));
                break;
            }
            stored.objects.insert(path, content);
        }
    }
}

/// What stores bytes or names is refused on a full disk. The node looks at its disk once a second, and may find that
/// less was written than announced: then the disk is filled again.
fn must_be_refused(
    what: &str,
    s3: &S3,
    stored: &mut Stored,
    write: impl Fn() -> std::io::Result<Reply>,
) {
    for _ in 0..REFILLS_MAX {
        let reply = write().expect("the node answers");
        if reply.status != 200 {
            return must_lack_space(what, Ok(reply));
        }
        fill(s3, stored);
    }
    panic!("{what} is let in on a full disk");
}

fn must_be_stored(s3: &S3, stored: &Stored) {
    let mut session = s3.session().expect("the node listens");
    for (path, content) in &stored.objects {
        let head = session.call(&Call::new("HEAD", path)).expect("the node answers");
        assert_eq!(head.status, 200, "{path}");
        let complaint = session.compare(path, content).expect("the node answers");
        assert_eq!(complaint, None, "{path}");
    }
    let listed = must_succeed(session.call(&Call::new("GET", "/full").query("list-type=2")));
    let listed: Vec<String> =
        listed.elements("Key").iter().map(|key| format!("/full/{key}")).collect();
    assert_eq!(listed, stored.objects.keys().cloned().collect::<Vec<_>>());
}

/// Deletes every second object.
fn delete_half(session: &mut Session<'_>, stored: &mut Stored) {
    let paths: Vec<String> = stored.objects.keys().step_by(2).cloned().collect();
    for path in paths {
        must_succeed(session.call(&Call::new("DELETE", &path)));
        stored.objects.remove(&path);
    }
}

/// Waits until a write is let in, which must come about by itself.
fn must_have_room_again(s3: &S3, path: &str, stored: &mut Stored) {
    let content = Content::new(7, OBJECT_LEN);
    let deadline = Instant::now() + ROOM_SEEN_WITHIN;
    loop {
        let reply = put(s3, path, &content).expect("the node answers");
        if reply.status == 200 {
            stored.objects.insert(path.to_owned(), content);
            return;
        }
        must_lack_space("a put after space came back", Ok(reply));
        assert!(Instant::now() < deadline, "no room within {ROOM_SEEN_WITHIN:?}");
        thread::sleep(POLL_INTERVAL);
    }
}

fn started_upload(s3: &S3, path: &str, content: &Content) -> (String, Vec<(u16, String)>) {
    let upload = must_succeed(s3.call(&create_upload(path)));
    let id = upload.element("UploadId").expect("an upload has an id");
    let mut session = s3.session().expect("the node listens");
    let part = must_succeed(session.put(upload_part(path, &id, 1), content));
    let etag = part.header("etag").expect("a part has an ETag").to_owned();
    (id, vec![(1, etag)])
}

fn filled_by_clients(kind: FileSystem) {
    with_node(kind, |_, node| {
        let s3 = node.s3();
        let mut stored = Stored::default();
        let part = Content::new(1, PART_LEN);
        let (finished, parts) = started_upload(&s3, "/full/finished", &part);
        let (dropped, _) = started_upload(&s3, "/full/dropped", &part);

        fill(&s3, &mut stored);
        assert!(stored.objects.len() >= 10, "{kind}: full after {} objects", stored.objects.len());
        let source = stored.objects.keys().next().expect("something was stored").clone();
        let copy = copy_part("/full/finished", &finished, 2, &source, None);
        must_be_refused("a part copy", &s3, &mut stored, || s3.call(&copy));
        must_be_refused("a part", &s3, &mut stored, || put_part(&s3, &finished, &part));
        let upload = create_upload("/full/third");
        must_be_refused("a new upload", &s3, &mut stored, || s3.call(&upload));
        let bucket = create_bucket("another");
        must_be_refused("a new bucket", &s3, &mut stored, || s3.call(&bucket));
        must_be_stored(&s3, &stored);

        let mut session = s3.session().expect("the node listens");
        must_succeed(session.call(&complete_upload("/full/finished", &finished, &parts)));
        stored.objects.insert("/full/finished".to_owned(), part);
        must_succeed(session.call(&abort_upload("/full/dropped", &dropped)));
        delete_half(&mut session, &mut stored);
        must_have_room_again(&s3, "/full/again", &mut stored);
        must_be_stored(&s3, &stored);

        fill(&s3, &mut stored);
        node.stop();
        node.start_again();
        must_be_stored(&s3, &stored);
        delete_half(&mut s3.session().expect("the node listens"), &mut stored);
        must_have_room_again(&s3, "/full/once-more", &mut stored);
        must_be_stored(&s3, &stored);
        node.stop();
        node.must_be_clean(&["--verify"]);
    });
}

fn put_part(s3: &S3, id: &str, content: &Content) -> std::io::Result<Reply> {
    s3.session()?.put(upload_part("/full/finished", id, 2), content)
}

/// What a worker had acknowledged, and the put that has had no clear answer.
struct Load {
    stored: Objects,
    doubt: Option<(String, Content)>,
}

/// Puts until one is not acknowledged.
fn load(s3: &S3, number: u64, acknowledged: &AtomicU64) -> Load {
    let mut load = Load { stored: Objects::new(), doubt: None };
    let mut session = s3.session().expect("the node listens");
    for turn in 0.. {
        let len = [700, 20 * KIB, 90 * KIB, 600 * KIB][usize::try_from(turn % 4).expect("small")];
        let path = format!("/full/worker-{number}-{turn}");
        let content = Content::new((number + 1) << 32 | turn, len + turn % 7);
        match session.put(Call::new("PUT", &path), &content) {
            Ok(reply) if reply.status == 200 => {
                load.stored.insert(path, content);
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Ok(reply) if reply.status == 507 => return load,
            Ok(reply) => {
                assert_eq!(reply.status, 500, "{}", reply.text());
                load.doubt = Some((path, content));
                return load;
            }
            // The node has ended, or turned the body away before it was sent whole.
            Err(_) => {
                load.doubt = Some((path, content));
                return load;
            }
        }
    }
    unreachable!("no disk is endless")
}

/// A file of somebody else that takes the last byte.
fn take_all_space(mount: &LoopMount) -> PathBuf {
    let path = mount.path().join("foreign");
    let mut file = File::create(&path).expect("a file can be made");
    for len in [MIB, 64 * KIB, 4 * KIB, 1] {
        let bytes = vec![0xa5; usize::try_from(len).expect("small")];
        while file.write_all(&bytes).is_ok() {}
    }
    file.sync_all().ok();
    path
}

/// The node is there, or ended with a reason and can be started again.
fn must_be_there(node: &mut Node, log_len: usize) {
    if let Some(status) = node.ended() {
        let log = node.log();
        let last_words = &log[log_len..];
        assert!(status.code().is_some(), "no orderly end: {status}: {last_words}");
        assert!(last_words.contains(" level=error "), "ended without a reason: {last_words}");
        node.start_again();
    }
}

fn filled_from_outside(kind: FileSystem) {
    with_node(kind, |mount, node| {
        let (s3, log_len) = (node.s3(), node.log().len());
        let acknowledged = AtomicU64::new(0);
        let (foreign, loads) = thread::scope(|scope| {
            let workers: Vec<_> = (0..WORKERS)
                .map(|number| {
                    scope.spawn({
                        let (s3, acknowledged) = (&s3, &acknowledged);
                        move || load(s3, number, acknowledged)
                    })
                })
                .collect();
            while acknowledged.load(Ordering::Relaxed) < 40 {
                node.must_be_running();
                thread::sleep(POLL_INTERVAL);
            }
            let foreign = take_all_space(mount);
            let ended = workers.into_iter().map(|worker| worker.join().expect("a load ends"));
            (foreign, ended.collect::<Vec<_>>())
        });
        must_be_there(node, log_len);
        let mut stored = Stored::default();
        for load in loads {
            stored.objects.extend(load.stored);
            stored.objects.extend(load.doubt.and_then(|doubt| what_became_of(&s3, doubt)));
        }
        must_be_stored(&s3, &stored);

        let log_len = node.log().len();
        node.stop();
        node.start_again();
        must_be_stored(&s3, &stored);
        delete_half(&mut s3.session().expect("the node listens"), &mut stored);
        must_be_stored(&s3, &stored);
        std::fs::remove_file(&foreign).expect("the foreign file can be removed");
        must_have_room_again(&s3, "/full/again", &mut stored);
        must_be_stored(&s3, &stored);
        assert!(!node.log()[log_len..].contains("panicked"), "a thread has panicked");
        node.stop();
        node.must_be_clean(&["--verify"]);
    });
}

/// A put without a clear answer has happened wholly or not at all.
fn what_became_of(s3: &S3, (path, content): (String, Content)) -> Option<(String, Content)> {
    let mut session = s3.session().expect("the node listens");
    let head = session.call(&Call::new("HEAD", &path)).expect("the node answers");
    if head.status == 404 {
        return None;
    }
    let complaint = session.compare(&path, &content).expect("the node answers");
    assert_eq!(complaint, None, "{path}: half of it is there");
    Some((path, content))
}

#[test]
fn a_full_xfs_refuses_writes_and_gives_space_back() {
    filled_by_clients(FileSystem::Xfs);
}

#[test]
fn a_full_ext4_refuses_writes_and_gives_space_back() {
    filled_by_clients(FileSystem::Ext4);
}

#[test]
fn an_xfs_filled_from_outside_loses_nothing() {
    filled_from_outside(FileSystem::Xfs);
}

#[test]
fn an_ext4_filled_from_outside_loses_nothing() {
    filled_from_outside(FileSystem::Ext4);
}
