//! The query of a report: parameters, lists in every spelling, and which buckets are asked for.
//!
//! Invariant: a bucket begins at a multiple of its width, in UTC, and none begins after now.

/// The parameters, decoded, names without the brackets of lists.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what follows the question mark.
    pub(super) fn read(text: &str) -> Self {
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        Self(
            pairs
                .map(|(name, value)| {
                    let name = decoded(name);
                    let name = name.split('[').next().unwrap_or_default().to_owned();
                    (name, decoded(value))
                })
                .collect(),
        )
    }

    /// The first value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|(given, value)| (given == name).then_some(value.as_str()))
    }

    /// Whether the results are to be kept apart by `field`. Others than `known` are refused.
    pub(super) fn groups(&self, field: &str, known: &[&str]) -> Result<bool, String> {
        let asked = self.0.iter().filter(|(name, _)| name == "group_by").map(|(_, value)| value);
        let mut found = false;
        for value in asked {
            if !known.contains(&value.as_str()) {
                return Err(format!("Invalid value for group_by: '{value}'."));
            }
            found |= value == field;
        }
        Ok(found)
    }

    /// A time that must be there.
    pub(super) fn required<T>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, String> {
        let text =
            self.get(name).ok_or_else(|| format!("Missing required parameter: '{name}'."))?;
        read(text).ok_or_else(|| format!("Invalid value for {name}: '{text}'."))
    }

    /// A parameter that may be absent.
    pub(super) fn optional<T>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, String> {
        self.get(name).map(|_| self.required(name, read)).transpose()
    }
}

/// How many buckets one page may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageSize {
    pub(super) usual: usize,
    pub(super) most: usize,
}

/// The buckets of one page.
#[derive(Debug)]
pub(super) struct Paging {
    first: i64,
    width: i64,
    count: usize,
    /// The place of the next page's first bucket, where there is one.
    next: Option<usize>,
}

impl Paging {
    /// Buckets of `width` seconds from `from` to before `to`, as far as the page that `query` asks
    /// for. All in seconds.
    pub(super) fn read(
        query: &Query,
        span: (i64, Option<i64>),
        width: i64,
        size: PageSize,
        now: i64,
    ) -> Result<Self, String> {
        let (from, to) = span;
        let from = from.div_euclid(width) * width;
        let to = to.unwrap_or(i64::MAX).min(now.saturating_add(1));
        let all = to.saturating_sub(from).max(0);
        let all = all.div_euclid(width) + i64::from(all.rem_euclid(width) > 0);
        let all = usize::try_from(all).map_err(|_| "The range is too long.".to_owned())?;
        let limit = query.optional("limit", |text| text.parse().ok())?.unwrap_or(size.usual);
        if limit == 0 || limit > size.most {
            return Err(format!("Invalid value for limit: '{limit}'. At most {}.", size.most));
        }
        let page = |text: &str| text.strip_prefix("page_")?.parse().ok();
        let skipped: usize = query.optional("page", page)?.unwrap_or(0);
        let count = all.saturating_sub(skipped).min(limit);
        let end = skipped.saturating_add(count);
        let first = i64::try_from(skipped).unwrap_or(i64::MAX).saturating_mul(width);
        let next = (end < all).then_some(end);
        Ok(Self { first: from.saturating_add(first), width, count, next })
    }

    /// Beginning and end of each bucket.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (i64, i64)> {
        let (first, width) = (self.first, self.width);
        let places = (0_i64..).take(self.count);
        places.map(move |place| (first + place * width, first + (place + 1) * width))
    }

    /// The place of the bucket that a moment is in.
    pub(super) fn place(&self, at: i64) -> Option<usize> {
        let place = usize::try_from(at.saturating_sub(self.first).div_euclid(self.width)).ok()?;
        (place < self.count).then_some(place)
    }

    /// `has_more` and `next_page`, as both vendors write them.
    pub(super) fn end(&self) -> String {
        match self.next {
            Some(next) => format!("\"has_more\":true,\"next_page\":\"page_{next}\""),
            None => "\"has_more\":false,\"next_page\":null".to_owned(),
        }
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let digits = [ahead.next(), ahead.next()]
            .map(|digit| digit.and_then(|digit| char::from(digit).to_digit(16)));
        match (byte, digits) {
            (b'%', [Some(high), Some(low)]) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = ahead;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: PageSize = PageSize { usual: 2, most: 4 };

    #[test]
    fn lists_are_read_in_every_spelling() {
        for text in ["group_by=model", "group_by[]=model", "a=b&group_by%5B0%5D=mo%64el"] {
            assert_eq!(Query::read(text).groups("model", &["model"]), Ok(true), "{text}");
        }
        let error = Query::read("group_by=colour").groups("model", &["model"]).unwrap_err();
        assert!(error.contains("colour"));
        assert_eq!(decoded("2026-11-27T00%3a00%3A00Z%2"), "2026-11-27T00:00:00Z%2");
    }

    #[test]
    fn pages_follow_each_other_and_end_at_the_present() {
        let mut pages = Vec::new();
        let mut text = String::new();
        loop {
            let query = Query::read(&text);
            let paging = Paging::read(&query, (125, None), 100, SIZE, 450).unwrap();
            pages.push(paging.buckets().collect::<Vec<_>>());
            match paging.next {
                Some(next) => text = format!("page=page_{next}"),
                None => break,
            }
        }
        assert_eq!(pages, [vec![(100, 200), (200, 300)], vec![(300, 400), (400, 500)]]);
        let query = Query::read("limit=4");
        let paging = Paging::read(&query, (125, Some(300)), 100, SIZE, 450).unwrap();
        assert_eq!(paging.buckets().count(), 2);
        assert_eq!([99, 100, 299, 300].map(|at| paging.place(at)), [None, Some(0), Some(1), None]);
        for bad in ["limit=5", "limit=0", "limit=x", "page=7"] {
            assert!(Paging::read(&Query::read(bad), (0, None), 100, SIZE, 450).is_err(), "{bad}");
        }
    }
}
