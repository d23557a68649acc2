//! Tests of the round module.
