//! What calls of a key and of a model really used, for what the next ones will probably use: tokens
//! to a byte of request and of answer, and the tokens of an answer.
//!
//! Learned from exact readings, forgotten with the process. Only lengths are looked at, so hostile
//! text costs nothing. Not here: what an expectation is made of (`estimate`), what a call can use at
//! most (`bound`).
//!
//! Invariants: at most [`PLACES`] pairs of key and model are remembered, each by its last
//! [`LAST`] answers; what is not asked for or told of for a day is forgotten. Nothing here is a
//! charge.

use crate::ids::Id;
use foldhash::fast::RandomState;
use moka::sync::Cache;
use parking_lot::Mutex;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

/// Pairs of key and model, and models, at most; about 60 MB when all are taken.
const PLACES: u64 = 100_000;

/// For how long what nobody needs is kept.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// By so many answers the next is told.
const LAST: usize = 128;

/// So many have to be known before they tell anything.
const FEW: u32 = 8;

/// Until so many of a key are known, its answers are not expected to be shorter than those of the
/// model: of many calls at once, the short answers are known first.
const ENOUGH: u32 = 32;

/// Of a hundred answers, so many are no longer than expected. Long answers are in flight for longer
/// than short ones, so what is held for all that are in flight has to be above the average. The
/// simulation shows what comes of it.
const OF_A_HUNDRED: usize = 95;

/// See the module.
pub(super) struct Learned {
    places: Cache<u64, Arc<Mutex<Habits>>, RandomState>,
    names: RandomState,
}

/// What one call used, exactly.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lesson {
    /// Bytes of the request that are all of its input, and their tokens.
    pub(super) input: Option<(u64, u64)>,
    /// Bytes of answer that went by, and the tokens of all answers.
    pub(super) said: (u64, u64),
    /// Tokens of one answer; where the request cut it short, more than it had.
    pub(super) output: u64,
}

/// What is known of calls of one key and one model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Hints {
    /// Tokens of input to its bytes.
    pub(super) input: Option<Ratio>,
    /// Tokens of output to the bytes of answer that go by.
    pub(super) said: Option<Ratio>,
    /// Tokens that most answers do not exceed.
    pub(super) output: Option<u64>,
}

/// Tokens to bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ratio {
    tokens: u64,
    bytes: u64,
}

impl Learned {
    /// Knows nothing.
    pub(super) fn new() -> Self {
        let places = Cache::builder().max_capacity(PLACES).time_to_idle(IDLE);
        let names = RandomState::default();
        Self { places: places.build_with_hasher(RandomState::default()), names }
    }

    /// What a call used. Models go by the price table's names, which clients cannot choose.
    pub(super) fn learn(&self, key: &Id, model: &str, lesson: &Lesson) {
        for place in [self.place(Some(key), model), self.place(None, model)] {
            self.places.get_with(place, Arc::default).lock().add(lesson);
        }
    }

    /// What is known of the calls of a key and a model; of the model's only where that is little.
    pub(super) fn hints(&self, key: &Id, model: &str) -> Hints {
        let known = |place| self.places.get(&place).map(|habits| habits.lock().hints());
        let (own, enough) = known(self.place(Some(key), model)).unwrap_or_default();
        let all = || known(self.place(None, model)).unwrap_or_default().0;
        match own {
            Hints { input: Some(_), said: Some(_), output: Some(_) } if enough => own,
            _ => own.or(all(), enough),
        }
    }

    fn place(&self, key: Option<&Id>, model: &str) -> u64 {
        self.names.hash_one((key.map(Id::as_str), model))
    }
}

impl Hints {
    /// What is not known here is that of all calls of the model; where not enough is known, nothing
    /// shorter.
    fn or(self, all: Self, enough: bool) -> Self {
        let output = if enough { self.output.or(all.output) } else { self.output.max(all.output) };
        Self { input: self.input.or(all.input), said: self.said.or(all.said), output }
    }
}

impl Ratio {
    /// So many tokens to so many bytes.
    pub(super) const fn new(tokens: u64, bytes: u64) -> Self {
        Self { tokens, bytes }
    }

    /// The tokens of so many bytes, rounded up.
    pub(super) fn of(self, bytes: u64) -> u64 {
        let tokens = u128::from(bytes) * u128::from(self.tokens);
        let tokens = tokens.div_ceil(u128::from(self.bytes.max(1)));
        u64::try_from(tokens).unwrap_or(u64::MAX)
    }

    /// The bytes of so many tokens.
    pub(super) fn bytes_of(self, tokens: u64) -> u64 {
        let bytes = u128::from(tokens) * u128::from(self.bytes) / u128::from(self.tokens.max(1));
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// A ratio of sums of which the older parts count less and less.
#[derive(Debug, Default)]
struct Fading {
    sums: Ratio,
    known: u32,
}

impl Fading {
    /// More than any real body or answer has, so that sums stay numbers.
    const MOST: u64 = 1 << 40;

    fn add(&mut self, bytes: u64, tokens: u64) {
        if bytes == 0 || tokens == 0 || bytes > Self::MOST || tokens > Self::MOST {
            return;
        }
        if self.known >= 64 {
            self.known /= 2;
            self.sums = Ratio::new(self.sums.tokens / 2, self.sums.bytes / 2);
        }
        self.known += 1;
        self.sums.tokens += tokens;
        self.sums.bytes += bytes;
    }

    fn ratio(&self) -> Option<Ratio> {
        Some(self.sums).filter(|_| self.known >= FEW)
    }
}

/// What calls used lately.
#[derive(Debug, Default)]
struct Habits {
    input: Fading,
    said: Fading,
    output: Lengths,
}

impl Habits {
    fn add(&mut self, lesson: &Lesson) {
        if let Some((bytes, tokens)) = lesson.input {
            self.input.add(bytes, tokens);
        }
        self.said.add(lesson.said.0, lesson.said.1);
        self.output.add(lesson.output);
    }

    /// What they tell, and whether that is enough to go by.
    fn hints(&self) -> (Hints, bool) {
        let output = self.output.most(OF_A_HUNDRED);
        let hints = Hints { input: self.input.ratio(), said: self.said.ratio(), output };
        (hints, self.output.known >= ENOUGH)
    }
}

/// The lengths of the last answers, each as its place on a scale of eighths of an octave.
#[derive(Debug)]
struct Lengths {
    last: [u8; LAST],
    known: u32,
    next: usize,
}

impl Default for Lengths {
    fn default() -> Self {
        Self { last: [0; LAST], known: 0, next: 0 }
    }
}

impl Lengths {
    fn add(&mut self, length: u64) {
        if let Some(place) = self.last.get_mut(self.next) {
            *place = grade(length);
        }
        self.next = (self.next + 1) % LAST;
        self.known = self.known.saturating_add(1);
    }

    /// What so many of a hundred do not exceed; up to an eighth more.
    fn most(&self, of_a_hundred: usize) -> Option<u64> {
        if self.known < FEW {
            return None;
        }
        let known = usize::try_from(self.known).unwrap_or(LAST).min(LAST);
        let mut sorted = self.last;
        let sorted = sorted.get_mut(..known)?;
        let rank = (known * of_a_hundred).div_ceil(100).clamp(1, known) - 1;
        let (_, grade, _) = sorted.select_nth_unstable(rank);
        Some(longest(*grade))
    }
}

/// Up to 7 a grade for each length, then eight for each octave.
fn grade(length: u64) -> u8 {
    if length < 8 {
        return u8::try_from(length).unwrap_or(0);
    }
    let octave = length.ilog2();
    let eighth = (length >> (octave - 3)) & 7;
    let grade = u64::from(octave - 2) * 8 + eighth;
    u8::try_from(grade).unwrap_or(u8::MAX)
}

/// The longest length of a grade.
fn longest(grade: u8) -> u64 {
    if grade < 8 {
        return u64::from(grade);
    }
    let (octave, eighth) = (u32::from(grade / 8) + 2, u64::from(grade % 8));
    ((8 + eighth + 1) << (octave - 3)) - 1
}

#[cfg(test)]
mod simulation;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Id {
        name.parse().unwrap()
    }

    fn lesson(output: u64) -> Lesson {
        Lesson { input: Some((400, 100)), said: (output * 5, output), output }
    }

    #[test]
    fn a_grade_holds_its_length_and_is_at_most_an_eighth_longer() {
        for length in (0..5_000).chain([(1 << 20) - 1, 1 << 20, (1 << 33) + 7]) {
            let longest = longest(grade(length));
            assert!(longest >= length, "{length}: {longest}");
            assert!(longest <= length + length / 8, "{length}: {longest}");
        }
        assert_eq!(grade(u64::MAX), u8::MAX);
        assert!(longest(u8::MAX) > 1 << 30);
    }

    #[test]
    fn few_answers_tell_nothing_and_more_tell_what_most_do_not_exceed() {
        let learned = Learned::new();
        let alice = key("alice");
        for n in 1..FEW {
            learned.learn(&alice, "m", &lesson(u64::from(n)));
        }
        assert_eq!(learned.hints(&alice, "m"), Hints::default());
        for n in 1..=100 {
            learned.learn(&alice, "m", &lesson(n));
        }
        let hints = learned.hints(&alice, "m");
        assert!((95..=103).contains(&hints.output.unwrap()), "{hints:?}");
        assert_eq!(hints.input.unwrap().of(4_000), 1_000);
        assert_eq!(hints.said.unwrap().of(5_000), 1_000);
    }

    #[test]
    fn a_key_goes_by_its_own_answers_and_a_new_one_by_those_of_its_model() {
        let learned = Learned::new();
        for _ in 0..50 {
            learned.learn(&key("brief"), "m", &lesson(10));
            learned.learn(&key("wordy"), "m", &lesson(5_000));
        }
        let output = |name: &str| learned.hints(&key(name), "m").output.unwrap();
        assert!((10..12).contains(&output("brief")));
        assert!((5_000..5_700).contains(&output("wordy")));
        assert!(output("new") >= 5_000);
        assert_eq!(learned.hints(&key("brief"), "other"), Hints::default());
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let learned = Learned::new();
        let alice = key("alice");
        (0..1_000).for_each(|_| learned.learn(&alice, "m", &lesson(4_000)));
        let dear = Lesson { input: Some((400, 200)), ..lesson(100) };
        (0..500).for_each(|_| learned.learn(&alice, "m", &dear));
        let hints = learned.hints(&alice, "m");
        assert!(hints.output.unwrap() < 113, "{hints:?}");
        assert_eq!(hints.input.unwrap().of(1_000), 500);
    }

    #[test]
    fn figures_out_of_all_proportion_break_nothing() {
        let learned = Learned::new();
        let odd = Lesson { input: Some((1, u64::MAX)), said: (u64::MAX, 1), output: u64::MAX };
        (0..200).for_each(|_| learned.learn(&key("alice"), "m", &odd));
        let hints = learned.hints(&key("alice"), "m");
        assert_eq!((hints.input, hints.said), (None, None));
        assert!(hints.output.unwrap() > 1 << 30);
        assert_eq!(Ratio::new(u64::MAX, 0).of(u64::MAX), u64::MAX);
    }
}
