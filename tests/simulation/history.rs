//! Room: whether the answers that clients got can be told as a story in which one thing happens after the other.
//!
//! A history belongs to one thing with a state (a key, a bucket, an upload). Operations overlap; each must have
//! happened at one moment between its request and its answer, and the answers must fit that order (Herlihy and Wing,
//! "Linearizability", 1990; searched as Wing and Gong did, with what was tried kept in mind). An operation without
//! an answer may have happened or not, at any moment until the node that carried it out is gone.
//! Holds: the states that are possible where the history begins, and the operations since.
//! Units: time is counted in steps of the simulation.

use std::collections::BTreeSet;
use std::fmt::Debug;

/// What a history is about.
pub(crate) trait Model {
    /// What can be told apart.
    type State: Clone + Ord + Debug;
    /// An operation together with its answer.
    type Event: Debug;

    /// What the state may be after `event`; nothing if it cannot have happened in `state`.
    fn after(state: &Self::State, event: &Self::Event) -> Vec<Self::State>;
}

/// Names an operation that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begun(usize);

/// The history of one thing.
pub(crate) struct History<M: Model> {
    states: BTreeSet<M::State>,
    operations: Vec<Operation<M::Event>>,
    /// How many of them have no answer yet.
    waiting: usize,
}

#[derive(Debug)]
struct Operation<E> {
    begin: u64,
    /// `None`: it has no answer, or never will.
    end: Option<u64>,
    /// `None`: it says and does nothing.
    event: Option<E>,
    answered: bool,
}

/// The most operations of one thing that are looked at together; the search keeps them as bits.
const OPERATIONS_MAX: usize = 128;

/// The most operations without an answer, those under way included, that are looked at together.
const UNHEARD_MAX: usize = 10;

impl<M: Model> History<M> {
    /// A thing that is in this state.
    pub(crate) fn new(state: M::State) -> Self {
        Self { states: BTreeSet::from([state]), operations: Vec::new(), waiting: 0 }
    }

    /// Whether another operation can be judged before what nobody was told of is known to be over: each of those
    /// doubles the stories that there are to look at.
    pub(crate) fn has_room(&self) -> bool {
        self.operations.len() + 8 < OPERATIONS_MAX && self.unheard() < UNHEARD_MAX
    }

    /// Operations that have no answer, or none yet, and may do something.
    pub(crate) fn unheard(&self) -> usize {
        let unheard = self.operations.iter().filter(|one| one.end.is_none() && one.event.is_some());
        unheard.count()
    }

    /// An operation begins; `unheard` is what it may do without anybody being told.
    pub(crate) fn begin(&mut self, now: u64, unheard: Option<M::Event>) -> Begun {
        let operation = Operation { begin: now, end: None, event: unheard, answered: false };
        self.operations.push(operation);
        self.waiting += 1;
        Begun(self.operations.len() - 1)
    }

    /// It was answered, and the answer means `event`.
    pub(crate) fn answered(&mut self, which: Begun, now: u64, event: M::Event) {
        let operation = self.answer(which);
        operation.end = Some(now);
        operation.event = Some(event);
    }

    /// It was answered, and the answer means that nothing has happened and says nothing of the state.
    pub(crate) fn without_effect(&mut self, which: Begun) {
        self.answer(which).event = None;
    }

    /// The client will never know.
    pub(crate) fn lost(&mut self, which: Begun) {
        self.answer(which);
    }

    fn answer(&mut self, which: Begun) -> &mut Operation<M::Event> {
        self.waiting -= 1;
        let operation = &mut self.operations[which.0];
        assert!(!operation.answered, "an operation ends once");
        operation.answered = true;
        operation
    }

    /// If no operation is under way nor may happen later, the history so far is told to its end.
    ///
    /// # Errors
    /// The operations, if there is no story in which all answers are true.
    pub(crate) fn pause(&mut self) -> Result<(), String> {
        let open = |one: &Operation<M::Event>| one.end.is_none() && one.event.is_some();
        if self.waiting > 0 || self.operations.iter().any(open) {
            return Ok(());
        }
        self.tell()
    }

    /// Nothing is under way behind the clients' backs: what is not done by now never will be. If no client waits
    /// either, the history is told to its end.
    ///
    /// # Errors
    /// As [`History::pause`].
    pub(crate) fn quiet(&mut self) -> Result<(), String> {
        if self.waiting > 0 { Ok(()) } else { self.tell() }
    }

    /// The node is gone, and what it had not done by now it never will: the history is told to its end.
    ///
    /// # Errors
    /// As [`History::pause`].
    pub(crate) fn end_of_life(&mut self) -> Result<(), String> {
        self.waiting = 0;
        self.tell()
    }

    /// The thing itself was looked at when nothing was under way, and what was seen holds from here on.
    ///
    /// # Errors
    /// The states that were possible, if it can be seen in none of them.
    pub(crate) fn looked_at(&mut self, seen: &M::Event) -> Result<(), String> {
        if !self.operations.is_empty() {
            return Ok(());
        }
        let states: BTreeSet<M::State> =
            self.states.iter().flat_map(|state| M::after(state, seen)).collect();
        if states.is_empty() {
            return Err(format!("in none of {:?}: {seen:?}", self.states));
        }
        self.states = states;
        Ok(())
    }

    /// The states that the thing may be in, as of the last story told.
    pub(crate) fn states(&self) -> &BTreeSet<M::State> {
        &self.states
    }

    fn tell(&mut self) -> Result<(), String> {
        self.operations.retain(|operation| operation.event.is_some());
        if self.operations.is_empty() {
            return Ok(());
        }
        assert!(self.operations.len() <= OPERATIONS_MAX, "too many operations of one thing");
        let ends = self.ends();
        if ends.is_empty() {
            let mut story = format!("from one of {:?}:", self.states);
            for Operation { begin, end, event, .. } in &self.operations {
                let end = end.map_or("?".to_owned(), |end| end.to_string());
                story.push_str(&format!("\n      steps {begin}..{end}: {event:?}"));
            }
            return Err(story);
        }
        self.states = ends;
        self.operations.clear();
        Ok(())
    }

    /// Every state that some story ends in.
    fn ends(&self) -> BTreeSet<M::State> {
        let required = self.mask(|operation| operation.end.is_some());
        let mut ends = BTreeSet::new();
        let mut seen: BTreeSet<(u128, M::State)> = BTreeSet::new();
        let mut to_try: Vec<(u128, M::State)> =
            self.states.iter().map(|state| (0, state.clone())).collect();
        while let Some((done, state)) = to_try.pop() {
            if !seen.insert((done, state.clone())) {
                continue;
            }
            if done & required == required {
                ends.insert(state.clone());
            }
            let next_end = self.left(done).filter_map(|(_, operation)| operation.end).min();
            for (index, operation) in self.left(done) {
                let Some(event) = &operation.event else { continue };
                if next_end.is_some_and(|end| operation.begin > end) {
                    continue;
                }
                let after = M::after(&state, event).into_iter();
                to_try.extend(after.map(|after| (done | 1 << index, after)));
            }
        }
        ends
    }

    fn left(&self, done: u128) -> impl Iterator<Item = (usize, &Operation<M::Event>)> {
        self.operations.iter().enumerate().filter(move |(index, _)| done >> index & 1 == 0)
    }

    fn mask(&self, of: impl Fn(&Operation<M::Event>) -> bool) -> u128 {
        let bits = self.operations.iter().enumerate().filter(|(_, one)| of(one));
        bits.fold(0, |mask, (index, _)| mask | 1 << index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Register;

    #[derive(Debug)]
    enum Event {
        Write(u8),
        Read(u8),
    }

    impl Model for Register {
        type State = u8;
        type Event = Event;

        fn after(state: &u8, event: &Event) -> Vec<u8> {
            match event {
                Event::Write(value) => vec![*value],
                Event::Read(value) if state == value => vec![*state],
                Event::Read(_) => Vec::new(),
            }
        }
    }

    fn told(operations: &[(u64, Option<u64>, Event)]) -> Option<Vec<u8>> {
        let mut history = History::<Register>::new(0);
        for (begin, end, event) in operations {
            let event = match event {
                Event::Write(value) => Event::Write(*value),
                Event::Read(value) => Event::Read(*value),
            };
            match end {
                Some(end) => {
                    let begun = history.begin(*begin, None);
                    history.answered(begun, *end, event);
                }
                None => {
                    let begun = history.begin(*begin, Some(event));
                    history.lost(begun);
                }
            }
        }
        history.end_of_life().ok()?;
        Some(history.states().iter().copied().collect())
    }

    #[test]
    fn overlapping_writes_may_have_any_order_and_later_ones_none() {
        use Event::{Read, Write};
        assert_eq!(told(&[(1, Some(5), Write(1)), (2, Some(6), Write(2))]), Some(vec![1, 2]));
        assert_eq!(told(&[(1, Some(2), Write(1)), (3, Some(4), Write(2))]), Some(vec![2]));
        let stale = [(1, Some(2), Write(1)), (3, Some(4), Write(2)), (5, Some(6), Read(1))];
        assert_eq!(told(&stale), None, "an acknowledged write is not lost");
        let back = [(1, Some(9), Write(1)), (2, Some(3), Read(1)), (4, Some(5), Read(0))];
        assert_eq!(told(&back), None, "what was seen is not unseen");
    }

    #[test]
    fn what_was_never_answered_may_have_happened_or_not() {
        use Event::{Read, Write};
        assert_eq!(told(&[(1, None, Write(1))]), Some(vec![0, 1]));
        assert_eq!(told(&[(1, None, Write(1)), (5, Some(6), Read(1))]), Some(vec![1]));
        assert_eq!(
            told(&[(5, None, Write(1)), (1, Some(2), Read(1))]),
            None,
            "not before it began"
        );
    }
}
