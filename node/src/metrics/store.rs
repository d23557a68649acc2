//! Room: what the metadata store knows: its own figures, and what waits in it to be let go of.
//!
//! Asked on the thread that makes the text. Cost: a few point gets, and a look at no more than
//! [`COUNTED_MAX`] things of each kind. What cannot be read is left out.

use std::sync::Weak;

use meta::query;
use meta::store::{Store, StoreError};

use super::Metrics;
use super::text::Text;

/// Has the figures of `store` told as long as somebody else holds it.
pub fn watch_store(metrics: &Metrics, store: Weak<dyn Store>) {
    metrics.watch(move |text| {
        if let Some(store) = store.upgrade() {
            render_own(&*store, text);
            render_space(&*store, text);
        }
    });
}

fn render_own(store: &dyn Store, text: &mut Text) {
    let figures = store.figures();
    for family in figures.chunk_by(|one, next| one.name == next.name) {
        let Some(first) = family.first() else { continue };
        let name = format!("tenon_rocksdb_{}", first.name);
        let mut samples = text.gauge(&name, first.help);
        for figure in family {
            match figure.space {
                Some(space) => samples.sample(&[("space", space.name())], figure.value),
                None => samples.value(figure.value),
            }
        }
    }
}

fn render_space(store: &dyn Store, text: &mut Text) {
    if let Ok(totals) = query::space_totals(store) {
        let help = "Bytes of blobs that extents name, what is shared counted each time.";
        text.gauge("tenon_named_bytes", help).value(totals.named_bytes);
    }
    if let Ok(leases) = query::open_leases(store) {
        let help = "Folders of blob ids that are leased and not closed yet.";
        text.gauge("tenon_leases_open", help).value(leases.len());
    }
    if let Ok(records) = query::garbage(store, None, COUNTED_MAX) {
        let help = "Garbage records that wait to be expanded, counted up to 1000.";
        text.gauge("tenon_garbage_records", help).value(records.len());
    }
    if let Ok((blobs, bytes)) = waiting_blobs(store) {
        let help = "Blobs without a name whose files are still there, counted up to 1000 each before and after they are taken.";
        text.gauge("tenon_garbage_blobs", help).value(blobs);
        let help = "Bytes of the counted blobs that are not taken yet.";
        text.gauge("tenon_garbage_bytes", help).value(bytes);
    }
}

/// Blobs that wait to be taken or unlinked, and the bytes of those that wait to be taken: the others have no record.
fn waiting_blobs(store: &dyn Store) -> Result<(usize, u64), StoreError> {
    let unreferenced = query::unreferenced(store, None, COUNTED_MAX)?;
    let taken = query::to_unlink(store, None, COUNTED_MAX)?;
    let lens =
        unreferenced.iter().filter_map(|(blob, _)| Some(query::blob(store, *blob).ok()?.len));
    Ok((unreferenced.len() + taken.len(), lens.sum()))
}

/// So many of each kind are looked at: a scrape must stay cheap however much waits.
const COUNTED_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use meta::rocks::RocksStore;

    use super::*;

    #[test]
    fn a_store_is_told_as_long_as_it_lives() {
        let folder = tempfile::tempdir().expect("a folder for tests");
        let store = RocksStore::open(folder.path(), 16 << 20).expect("opened");
        let store: Arc<dyn Store> = Arc::new(store);
        let metrics = Metrics::new(1);
        watch_store(&metrics, Arc::downgrade(&store));
        let text = metrics.render();
        for line in [
            "tenon_rocksdb_cache_capacity_bytes 16777216",
            "tenon_rocksdb_writes_stopped 0",
            "tenon_rocksdb_keys_estimated{space=\"objects\"} 0",
            "tenon_garbage_records 0",
            "tenon_named_bytes 0",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} in\n{text}");
        }
        drop(store);
        assert!(!metrics.render().contains("tenon_rocksdb_"), "nobody holds it any more");
    }
}
