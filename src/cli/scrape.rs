//! Reading `/metrics`: samples by name, and sums of them. Pure.

/// A sample: its labels as they stand between the braces, and its value.
pub(super) type Sample<'t> = (&'t str, f64);

/// The samples of one metric.
pub(super) fn samples<'t>(text: &'t str, name: &str) -> impl Iterator<Item = Sample<'t>> {
    text.lines().filter_map(move |line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => rest.rsplit_once("} ")?,
            None => ("", rest.strip_prefix(' ')?),
        };
        Some((labels, value.trim().parse().ok()?))
    })
}

/// All samples of a metric added up; `None` where it has none.
pub(super) fn sum(text: &str, name: &str) -> Option<f64> {
    samples(text, name).map(|(_, value)| value).reduce(|a, b| a + b)
}

/// What a label says.
pub(super) fn label<'t>(labels: &'t str, name: &str) -> Option<&'t str> {
    let begins = format!("{name}=\"");
    let at = labels.find(&begins)?;
    let rest = labels.get(at.saturating_add(begins.len())..)?;
    rest.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE a counter\na{m=\"gpt-5\",p=\"x y\"} 2\na{m=\"o3\",p=\"} \"} 3\n\
                        a_b 7\nb 1.5\nc nonsense\n";

    #[test]
    fn samples_are_found_by_their_whole_name() {
        let found: Vec<Sample<'_>> = samples(TEXT, "a").collect();
        assert_eq!(found, [("m=\"gpt-5\",p=\"x y\"", 2.0), ("m=\"o3\",p=\"} \"", 3.0)]);
        assert_eq!((sum(TEXT, "a"), sum(TEXT, "b"), sum(TEXT, "c")), (Some(5.0), Some(1.5), None));
        assert_eq!(label(found[0].0, "m"), Some("gpt-5"));
        assert_eq!(label(found[0].0, "p"), Some("x y"));
        assert_eq!(label(found[0].0, "q"), None);
    }
}
