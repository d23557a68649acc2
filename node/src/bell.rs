//! Room: a bell between threads: rung when something happened, heard once however often it was rung.

/// The end that rings.
#[derive(Clone)]
pub struct Bell(flume::Sender<()>);

/// The end that hears.
pub struct Ear(flume::Receiver<()>);

/// A bell and who hears it.
pub fn bell() -> (Bell, Ear) {
    let (ring, hear) = flume::bounded(1);
    (Bell(ring), Ear(hear))
}

impl Bell {
    /// Rings; never waits.
    pub fn ring(&self) {
        // A bell that rings already, or that nobody hears any more, needs no second stroke.
        self.0.try_send(()).ok();
    }
}

impl Ear {
    /// Waits for the next stroke; false when nobody can ring any more.
    pub async fn hear(&self) -> bool {
        self.0.recv_async().await.is_ok()
    }
}
