//! Room: what must hold of a whole store, as named predicates.
//!
//! Checked after every round in tests and simulation, and offline by the checker. They read everything: not for a
//! node that serves.
