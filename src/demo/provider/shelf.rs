//! Answers that can be fetched again: background responses, stored answers, batches. The oldest
//! make room for new ones.

use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};

/// How many are kept.
const ROOM: usize = 1000;

/// What is kept, by the path after `/v1/`.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    answers: HashMap<String, Answer>,
    order: VecDeque<String>,
}

/// An answer: what a client sees while it is made, and after.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) waiting: String,
    pub(super) done: String,
    /// How many more times it is seen waiting.
    pub(super) polls: u32,
}

impl Shelf {
    /// Keeps an answer.
    pub(super) fn keep(&self, path: String, answer: Answer) {
        let mut kept = self.0.lock();
        if kept.answers.insert(path.clone(), answer).is_none() {
            kept.order.push_back(path);
        }
        if kept.order.len() > ROOM
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.answers.remove(&oldest);
        }
    }

    /// The answer as it is now.
    pub(super) fn fetch(&self, path: &str) -> Option<String> {
        let mut kept = self.0.lock();
        let answer = kept.answers.get_mut(path)?;
        if answer.polls == 0 {
            return Some(answer.done.clone());
        }
        answer.polls -= 1;
        Some(answer.waiting.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(done: &str, polls: u32) -> Answer {
        Answer { waiting: "waiting".to_owned(), done: done.to_owned(), polls }
    }

    #[test]
    fn an_answer_is_waited_for_and_then_stays() {
        let shelf = Shelf::default();
        shelf.keep("a".to_owned(), answer("a", 1));
        let seen = [(); 3].map(|()| shelf.fetch("a").unwrap());
        assert_eq!(seen, ["waiting", "a", "a"]);
        assert_eq!(shelf.fetch("b"), None);
    }

    #[test]
    fn the_oldest_makes_room() {
        let shelf = Shelf::default();
        for i in 0..=ROOM {
            shelf.keep(i.to_string(), answer("x", 0));
        }
        assert_eq!(shelf.fetch("0"), None);
        assert!(shelf.fetch("1").is_some() && shelf.fetch(&ROOM.to_string()).is_some());
    }
}
