//! Room: reading back what was stored or copied, byte for byte.

use std::ops::Range;

use super::Site;
use crate::client::{Client, Failure};
use crate::content::{Content, Dice};
use crate::measurement::Verified;

/// Up to here a piece is read whole, beyond it at its ends and somewhere in the middle.
const WHOLE_LEN_MAX: u64 = 64 << 20;
const WINDOW_LEN: u64 = 16 << 20;

/// A piece of an object: a range of a content.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) content: Content,
    pub(super) range: Range<u64>,
}

impl Piece {
    fn len(&self) -> u64 {
        self.range.end - self.range.start
    }
}

/// Compares the object with the pieces that it must be made of.
///
/// # Errors
/// When it cannot be asked for. That it is another object is no error but counted.
pub(super) async fn object(
    client: &mut Client,
    key: &str,
    pieces: &[Piece],
    dice: &mut Dice,
) -> Result<Verified, Failure> {
    let mut right = client.head(key).await? == pieces.iter().map(Piece::len).sum::<u64>();
    let (mut bytes, mut begin) = (0, 0);
    for piece in pieces {
        for window in windows(piece.len(), dice) {
            let place = begin + window.start..begin + window.end;
            let from = piece.range.start + window.start;
            right &= client.compare(key, piece.content.clone(), place, from).await?;
            bytes += window.end - window.start;
        }
        begin += piece.len();
    }
    Ok(Verified { samples: 1, bytes, wrong: u64::from(!right) })
}

/// Compares a sample of these objects, of `len` bytes each, with what their keys say that is in them.
///
/// # Errors
/// As [`object`].
pub(super) fn objects(site: &Site, keys: &[String], len: u64) -> Result<Verified, Failure> {
    let mut dice = site.dice();
    let mut verified = Verified::default();
    for index in draw(keys.len(), site.settings.samples, &mut dice) {
        let key = &keys[index];
        let pieces = [Piece { content: site.pattern.content(key), range: 0..len }];
        verified.add(site.ask(async |client| object(client, key, &pieces, &mut dice).await)?);
    }
    Ok(verified)
}

/// What is read of a piece.
fn windows(len: u64, dice: &mut Dice) -> Vec<Range<u64>> {
    if len == 0 {
        return Vec::new();
    }
    if len <= WHOLE_LEN_MAX {
        return std::iter::once(0..len).collect();
    }
    let middle = WINDOW_LEN + dice.below(len - 3 * WINDOW_LEN);
    let starts = [0, middle, len - WINDOW_LEN];
    starts.map(|start| start..start + WINDOW_LEN).to_vec()
}

/// At most `samples` of `0..len`, in ascending order, none twice.
pub(super) fn draw(len: usize, samples: usize, dice: &mut Dice) -> Vec<usize> {
    let mut drawn: Vec<usize> = (0..len).collect();
    while drawn.len() > samples {
        // Where few of many are wanted, those are drawn that stay.
        if drawn.len() > 2 * samples {
            let stay: std::collections::BTreeSet<usize> =
                (0..samples).map(|_| dice.index(len)).collect();
            return stay.into_iter().collect();
        }
        drawn.remove(dice.index(drawn.len()));
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_piece_is_read_at_its_ends_and_between() {
        let mut dice = Dice::new(1);
        assert!(windows(0, &mut dice).is_empty());
        assert_eq!(windows(5, &mut dice), vec![Range { start: 0, end: 5 }]);
        let len = 5 << 30;
        for _ in 0..100 {
            let windows = windows(len, &mut dice);
            assert_eq!((windows[0].start, windows[2].end), (0, len));
            assert!(windows[0].end <= windows[1].start && windows[1].end <= windows[2].start);
        }
    }

    #[test]
    fn a_sample_is_drawn_without_repeats() {
        let mut dice = Dice::new(1);
        for (len, samples, least) in [(0, 4, 0), (3, 4, 3), (5, 4, 4), (1000, 4, 1)] {
            let drawn = draw(len, samples, &mut dice);
            assert!(drawn.len() >= least && drawn.len() <= samples.min(len));
            assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(drawn.iter().all(|index| *index < len));
        }
    }
}
