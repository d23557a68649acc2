//! Room: what all workers of the load copy from.

use tenon_tests::client::{
    Call, S3, Session, complete_upload, copy_part, create_upload, upload_part,
};
use tenon_tests::content::Content;

use crate::load::{copied_etag, created, etag_of};

const MIB: u64 = 1 << 20;
/// All parts but the last are as long as this at least.
pub(crate) const PART_LEN_MIN: u64 = 5 * MIB;
/// Sources that consist of parts.
const OF_PARTS: usize = 2;
/// Parts of the one that has many.
const MANY_PARTS: u16 = 8;

/// Objects that all workers copy from and nobody changes.
pub(crate) struct Sources(Vec<(&'static str, Content)>);

impl Sources {
    /// An inline one, blobs of several sizes, and two that consist of parts: of few that were uploaded, and of many that
    /// are ranges of another source.
    pub(crate) fn put(s3: &S3) -> Self {
        let singles = [
            ("/crash/source-inline", Content::new(1, 20_000)),
            ("/crash/source-small", Content::new(2, 700_001)),
            ("/crash/source-single", Content::new(3, 24 * MIB + 13)),
            // Large enough that a small range of it is cloned by default, where the file system can.
            ("/crash/source-large", Content::new(4, 65 * MIB)),
        ];
        let mut session = s3.session().expect("the node listens");
        for (path, content) in &singles {
            let reply = session.put(Call::new("PUT", *path), content).expect("the node answers");
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
        let path = "/crash/source-parts";
        let few = assembled(&mut session, path, 3, |session, id, number| {
            let len = [PART_LEN_MIN + 1, PART_LEN_MIN + 511, 77][usize::from(number) - 1];
            let content = Content::new(10 + len, len);
            let reply = session.put(upload_part(path, id, number), &content);
            (etag_of(&reply.expect("the node answers")), content)
        });
        let (of, single) = &singles[2];
        let path = "/crash/source-many";
        let many = assembled(&mut session, path, MANY_PARTS, |session, id, number| {
            let start = u64::from(number) * 70_001;
            let range = start..start + PART_LEN_MIN;
            let reply = session.call(&copy_part(path, id, number, of, Some(range.clone())));
            (copied_etag(&reply.expect("the node answers")), single.slice(range))
        });
        let mut sources: Vec<(&str, Content)> = singles.into();
        sources.extend([("/crash/source-parts", few), ("/crash/source-many", many)]);
        Self(sources)
    }

    /// Every source, with its path.
    pub(crate) fn all(&self) -> &[(&'static str, Content)] {
        &self.0
    }

    /// Those that consist of parts.
    pub(crate) fn of_parts(&self) -> &[(&'static str, Content)] {
        &self.0[self.0.len() - OF_PARTS..]
    }

    /// No copy and no crash may change a source.
    pub(crate) fn must_be_whole(&self, s3: &S3) {
        let mut session = s3.session().expect("the node listens");
        for (path, content) in &self.0 {
            let complaint = session.compare(path, content).expect("the node answers");
            assert_eq!(complaint, None, "{path}");
        }
    }
}

/// An object of so many parts, each of which `store` stores and tells; gives its bytes.
fn assembled(
    session: &mut Session<'_>,
    path: &str,
    count: u16,
    mut store: impl FnMut(&mut Session<'_>, &str, u16) -> (String, Content),
) -> Content {
    let id = created(&session.call(&create_upload(path)).expect("the node answers"));
    let (mut whole, mut parts) = (Content::default(), Vec::new());
    for number in 1..=count {
        let (etag, content) = store(session, &id, number);
        parts.push((number, etag));
        whole = whole.then(content);
    }
    let reply = session.call(&complete_upload(path, &id, &parts)).expect("the node answers");
    assert_eq!(reply.status, 200, "{}", reply.text());
    whole
}
