//! The layout of an input, and the comparison that all targets make.

use std::fmt::Debug;

/// How many choices come first.
const CHOICES: usize = 4;

/// The most cuts.
const CUTS: usize = 15;

/// One input.
#[derive(Debug)]
pub struct Input<'a> {
    choices: [u8; CHOICES],
    cuts: Vec<usize>,
    /// The body.
    pub body: &'a [u8],
}

impl<'a> Input<'a> {
    /// Reads an input; what is missing of it is 0.
    pub fn of(bytes: &'a [u8]) -> Self {
        let mut rest = bytes;
        let choices = [(); CHOICES].map(|()| take(&mut rest));
        let count = usize::from(take(&mut rest)) % (CUTS + 1);
        let cuts = (0..count)
            .map(|_| usize::from(take(&mut rest)) << 8 | usize::from(take(&mut rest)))
            .collect();
        Self { choices, cuts, body: rest }
    }

    /// The same input with another body.
    pub fn with<'b>(&self, body: &'b [u8]) -> Input<'b> {
        Input { choices: self.choices, cuts: self.cuts.clone(), body }
    }

    /// One of several, by the given choice.
    pub fn one_of<T: Copy>(&self, choice: usize, among: &[T]) -> T {
        among[usize::from(self.choices[choice]) % among.len()]
    }

    /// A bit of the given choice.
    pub fn flag(&self, choice: usize, bit: u8) -> bool {
        self.choices[choice] & (1 << bit) != 0
    }

    /// What is read from the body as a whole, which must be what is read from it cut at the places
    /// of this input, and byte by byte.
    pub fn same_for_any_split<T: PartialEq + Debug>(&self, read: impl Fn(&[&[u8]]) -> T) -> T {
        let whole = read(&[self.body]);
        let cuts = self.places();
        assert_eq!(read(&divide(self.body, &cuts)), whole, "cut at {cuts:?}");
        let single: Vec<&[u8]> = self.body.chunks(1).collect();
        assert_eq!(read(&single), whole, "byte by byte");
        whole
    }

    fn places(&self) -> Vec<usize> {
        let mut places: Vec<usize> =
            self.cuts.iter().map(|cut| cut % (self.body.len() + 1)).collect();
        places.sort_unstable();
        places
    }
}

fn divide<'a>(body: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut from = 0;
    let piece = |to| {
        let piece = &body[from..to];
        from = to;
        piece
    };
    cuts.iter().copied().chain([body.len()]).map(piece).collect()
}

fn take(rest: &mut &[u8]) -> u8 {
    rest.split_off_first().copied().unwrap_or(0)
}
