use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use md5::{Digest as _, Md5};
use proptest::prelude::*;

use super::kernel::{BLOCK_LEN, INITIAL};
use super::lanes::SHORT_LEN;
use super::*;
use crate::metrics::Md5Metrics;
use crate::seam::{Local, Spawn};
use crate::testing::TestTime;

/// Tasks that are polled by hand.
#[derive(Default)]
struct Tasks(RefCell<Vec<Local<'static, ()>>>);

impl Spawn for Tasks {
    fn spawn(&self, task: Local<'static, ()>) {
        self.0.borrow_mut().push(task);
    }
}

impl Tasks {
    fn poll_all(&self) {
        let tasks = std::mem::take(&mut *self.0.borrow_mut());
        let left =
            tasks.into_iter().filter_map(|mut task| poll(task.as_mut()).is_none().then_some(task));
        let left: Vec<_> = left.collect();
        self.0.borrow_mut().extend(left);
    }

    fn are_over(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

/// What a future gives if it is polled now.
fn poll<T>(future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Option<T> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

struct Bench {
    lanes: Rc<Md5Lanes>,
    tasks: Rc<Tasks>,
    metrics: Arc<Md5Metrics>,
}

impl Bench {
    fn new(kernel: Kernel) -> Self {
        let (tasks, metrics) = (Rc::<Tasks>::default(), Arc::<Md5Metrics>::default());
        let clock = Rc::new(TestTime { millis: 0.into() });
        let lanes = Md5Lanes::new(kernel, tasks.clone(), clock, metrics.clone());
        Self { lanes, tasks, metrics }
    }

    /// The bytes that were hashed by so many lanes.
    fn hashed_by(&self, lanes: usize) -> u64 {
        let class = Md5Metrics::CLASSES.partition_point(|(most, _)| *most < lanes);
        self.metrics.bytes(class)
    }

    /// Drives all futures, each polled in turn as often as it takes.
    fn drive<T>(&self, mut futures: Vec<Local<'_, T>>) -> Vec<T> {
        let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
        for _ in 0..POLLS_MAX {
            for (future, done) in futures.iter_mut().zip(&mut done) {
                if done.is_none() {
                    *done = poll(future.as_mut());
                }
            }
            self.tasks.poll_all();
            if done.iter().all(Option::is_some) {
                assert!(self.lanes.is_idle() && self.tasks.are_over(), "nothing is left behind");
                return done.into_iter().flatten().collect();
            }
        }
        panic!("somebody waits for ever");
    }

    /// The MD5s of several contents, each in pieces of its own lengths, hashed at the same time.
    fn hash(&self, streams: &[(Bytes, Vec<usize>)]) -> Vec<[u8; 16]> {
        let all = streams.iter().map(|(content, cuts)| {
            let mut md5 = self.lanes.stream();
            let future: Local<'_, [u8; 16]> = Box::pin(async move {
                for piece in pieces(content, cuts) {
                    md5.update(piece).await;
                }
                md5.finish()
            });
            future
        });
        self.drive(all.collect())
    }
}

/// `content` in pieces of these lengths, again and again.
fn pieces(content: &Bytes, lens: &[usize]) -> Vec<Bytes> {
    let mut rest = content.clone();
    let mut pieces = Vec::new();
    for len in lens.iter().copied().chain([usize::MAX]).cycle() {
        if rest.is_empty() {
            break;
        }
        pieces.push(rest.split_to(len.min(rest.len())));
    }
    pieces
}

fn content(seed: usize, len: usize) -> Bytes {
    let byte = |at: usize| (at.wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(97)) >> 7;
    (0..len).map(|at| byte(at).to_le_bytes()[0]).collect()
}

fn expected(content: &[u8]) -> [u8; 16] {
    Md5::digest(content).into()
}

/// Around everything that padding, blocks and steps make a difference at.
fn telling_lens() -> Vec<usize> {
    let step = lanes::STEP_BLOCKS * BLOCK_LEN;
    let mut lens: Vec<usize> = (0..=130).collect();
    for len in [step, 2 * step, 64 * 1024, 128 * 1024] {
        lens.extend([len - 65, len - 64, len - 1, len, len + 1, len + 63, len + 64]);
    }
    lens
}

#[test]
fn every_length_gives_its_md5_in_every_form() {
    for kernel in Kernel::all_here() {
        for len in telling_lens() {
            let one = content(len, len);
            let alone = Bench::new(kernel).hash(&[(one.clone(), vec![])]);
            assert_eq!(alone, [expected(&one)], "{kernel:?}, {len} bytes alone");
            let two = content(len + 1, len);
            let both = Bench::new(kernel).hash(&[(one.clone(), vec![]), (two.clone(), vec![])]);
            assert_eq!(both, [expected(&one), expected(&two)], "{kernel:?}, two of {len} bytes");
        }
    }
}

#[test]
fn every_form_hashes_every_number_of_lanes() {
    for kernel in Kernel::all_here().into_iter().chain([Kernel::simulated(5, false)]) {
        for abreast in 1..=kernel.lanes() {
            for count in [0, 1, 2, 17] {
                let contents: Vec<Bytes> =
                    (0..abreast).map(|lane| content(lane, count * BLOCK_LEN)).collect();
                let (mut states, mut oracle) = (vec![INITIAL; abreast], vec![INITIAL; abreast]);
                let mut lanes: Vec<Lane<'_>> = states
                    .iter_mut()
                    .zip(&contents)
                    .map(|(state, content)| Lane { state, blocks: content.as_chunks().0 })
                    .collect();
                kernel.compress(&mut lanes);
                for (state, content) in oracle.iter_mut().zip(&contents) {
                    md5::block_api::compress(state, content.as_chunks().0);
                }
                assert_eq!(states, oracle, "{kernel:?}, {abreast} lanes of {count} blocks");
            }
        }
    }
}

#[test]
#[should_panic(expected = "as many blocks")]
fn lanes_of_different_lengths_are_refused() {
    let (mut one, mut two) = (INITIAL, INITIAL);
    let blocks = [[0; BLOCK_LEN]; 2];
    Kernel::best().compress(&mut [
        Lane { state: &mut one, blocks: &blocks },
        Lane { state: &mut two, blocks: &blocks[..1] },
    ]);
}

#[test]
fn ragged_streams_fill_each_others_lanes() {
    for kernel in Kernel::all_here() {
        for count in [3, 8, 16, 17, 40] {
            let streams: Vec<(Bytes, Vec<usize>)> = (0..count)
                .map(|stream| (content(stream, stream * 4_999), vec![1 + stream * 613]))
                .collect();
            let bench = Bench::new(kernel);
            for (digest, (content, _)) in bench.hash(&streams).iter().zip(&streams) {
                assert_eq!(*digest, expected(content), "{kernel:?}, {} bytes", content.len());
            }
        }
    }
}

#[test]
fn streams_that_wait_together_are_hashed_together() {
    let bench = Bench::new(Kernel::best());
    let streams: Vec<(Bytes, Vec<usize>)> =
        (0..16).map(|stream| (content(stream, 1 << 20), vec![64 * 1024])).collect();
    bench.hash(&streams);
    let full = bench.hashed_by(LANES_MAX.min(Kernel::best().lanes()));
    assert_eq!(full, 16 << 20, "all lanes from the first step to the last");

    let bench = Bench::new(Kernel::best());
    bench.hash(&[(content(1, 1 << 20), vec![64 * 1024])]);
    assert_eq!(bench.hashed_by(1), 1 << 20, "nobody else is there");
}

#[test]
fn a_stream_alone_does_not_wait_for_company() {
    let bench = Bench::new(Kernel::best());
    let mut md5 = bench.lanes.stream();
    let small = content(1, 2 * SHORT_LEN);
    {
        let mut update = pin!(md5.update(small.clone()));
        assert_eq!(poll(update.as_mut()), None, "it gives way after its step");
        assert_eq!(poll(update.as_mut()), Some(()));
    }
    assert!(bench.tasks.are_over(), "no task was needed");
    assert_eq!(md5.finish(), expected(&small));
}

#[test]
fn a_short_piece_does_not_wait_in_the_line() {
    let bench = Bench::new(Kernel::best());
    let (mut long, mut short) = (bench.lanes.stream(), bench.lanes.stream());
    let (much, little) = (content(1, 300 * 1024), content(2, SHORT_LEN));
    let mut waiting: Local<'_, ()> = Box::pin(long.update(much.clone()));
    assert_eq!(poll(waiting.as_mut()), None, "it is not alone");
    assert_eq!(poll(pin!(short.update(little.clone()))), Some(()));
    assert_eq!(short.finish(), expected(&little));
    bench.drive(vec![waiting]);
    assert_eq!(long.finish(), expected(&much));
}

/// Many more than lanes, each done at another block: every one leaves the line in its turn.
#[test]
fn a_long_line_of_ragged_streams_keeps_its_order() {
    for kernel in Kernel::all_here() {
        let bench = Bench::new(kernel);
        let streams: Vec<Bytes> = (0..200)
            .map(|stream| content(stream, SHORT_LEN + (1 + stream * 37 % 101) * BLOCK_LEN))
            .collect();
        let done = RefCell::new(Vec::new());
        let updates = streams.iter().enumerate().map(|(number, bytes)| {
            let (mut md5, done) = (bench.lanes.stream(), &done);
            let update: Local<'_, [u8; 16]> = Box::pin(async move {
                md5.update(bytes.clone()).await;
                done.borrow_mut().push(number);
                md5.finish()
            });
            update
        });
        let digests = bench.drive(updates.collect());
        for (digest, bytes) in digests.iter().zip(&streams) {
            assert_eq!(*digest, expected(bytes), "{kernel:?}");
        }
        let done = done.into_inner();
        let late = |(at, number): (usize, &usize)| at + kernel.lanes() <= *number;
        assert!(
            !done.iter().enumerate().any(late),
            "{kernel:?}: nobody overtakes the line: {done:?}"
        );
    }
}

#[test]
fn company_that_comes_half_way_is_welcome() {
    let bench = Bench::new(Kernel::best());
    let (long, short) = (content(1, 300 * 1024), content(2, 200 * 1024));
    let mut first = bench.lanes.stream();
    let mut update: Local<'_, ()> = Box::pin(first.update(long.clone()));
    assert_eq!(poll(update.as_mut()), None);
    let mut second = bench.lanes.stream();
    let other: Local<'_, ()> = Box::pin(second.update(short.clone()));
    bench.drive(vec![update, other]);
    assert_eq!(first.finish(), expected(&long));
    assert_eq!(second.finish(), expected(&short));
    assert!(
        bench.hashed_by(2.min(Kernel::best().lanes())) >= 128 * 1024,
        "most of it was hashed side by side"
    );
}

/// Whatever one of three streams has come to when its client goes away: the others do not notice.
#[test]
fn a_stream_that_goes_away_takes_nothing_with_it() {
    let contents: Vec<Bytes> = (0..3).map(|stream| content(stream, 200 * 1024)).collect();
    let mut polls = 0;
    loop {
        let bench = Bench::new(Kernel::best());
        let mut streams: Vec<Md5Stream> = (0..3).map(|_| bench.lanes.stream()).collect();
        let mut updates: Vec<Option<Local<'_, ()>>> = streams
            .iter_mut()
            .zip(&contents)
            .map(|(md5, content)| Some(Box::pin(md5.update(content.clone())) as Local<'_, ()>))
            .collect();
        let mut gone_in_time = true;
        for _ in 0..polls {
            for update in &mut updates {
                if update.as_mut().is_some_and(|update| poll(update.as_mut()).is_some()) {
                    *update = None;
                }
            }
            bench.tasks.poll_all();
        }
        if updates[1].take().is_none() {
            gone_in_time = false;
        }
        bench.drive(updates.into_iter().flatten().collect());
        let kept = [streams.remove(2), streams.remove(0)];
        drop(streams);
        for (md5, content) in kept.into_iter().zip([&contents[2], &contents[0]]) {
            assert_eq!(md5.finish(), expected(content), "after {polls} polls");
        }
        if !gone_in_time {
            break;
        }
        polls += 1;
    }
    assert!(polls > 3, "it went away at several steps");
}

#[test]
#[should_panic(expected = "cancelled update")]
fn a_stream_whose_update_was_cancelled_has_no_md5() {
    let bench = Bench::new(Kernel::best());
    let mut md5 = bench.lanes.stream();
    {
        let mut update = pin!(md5.update(content(1, 2 * SHORT_LEN)));
        assert_eq!(poll(update.as_mut()), None);
    }
    let _ = md5.finish();
}

#[test]
fn the_bytes_of_whoever_goes_away_are_let_go_of_at_once() {
    let bench = Bench::new(Kernel::best());
    let (mut one, _other) = (bench.lanes.stream(), bench.lanes.stream());
    let owner: Rc<[u8]> = Rc::from(vec![7; 2 * SHORT_LEN]);
    {
        let mut update = pin!(one.update(Rc::clone(&owner)));
        assert_eq!(poll(update.as_mut()), None);
        assert_eq!(Rc::strong_count(&owner), 2, "they wait in the line");
    }
    assert_eq!(Rc::strong_count(&owner), 1);
    assert!(!bench.tasks.are_over(), "the task has not been asked yet");
    bench.tasks.poll_all();
    bench.tasks.poll_all();
    assert!(bench.tasks.are_over(), "it ends when nobody waits");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_streams_in_any_pieces_give_their_md5s(
        streams in prop::collection::vec(
            (0_usize..100_000, prop::collection::vec(1_usize..50_000, 0..6)), 1..20),
    ) {
        for kernel in Kernel::all_here() {
            let streams: Vec<(Bytes, Vec<usize>)> = streams
                .iter()
                .enumerate()
                .map(|(seed, (len, cuts))| (content(seed, *len), cuts.clone()))
                .collect();
            let digests = Bench::new(kernel).hash(&streams);
            for (digest, (content, _)) in digests.iter().zip(&streams) {
                prop_assert_eq!(*digest, expected(content), "{:?}", kernel);
            }
        }
    }
}

const POLLS_MAX: usize = 1_000_000;
