//! How groups, such as weekdays, differ from all together, as far as that is more than chance. Pure.
//!
//! Invariant: groups that were not seen are as all together; none is below zero.

/// A value of a group, such as a Tuesday, with its weight.
pub(super) struct Seen {
    pub(super) group: usize,
    pub(super) value: f64,
    pub(super) weight: f64,
}

/// The factor of each group; their mean is 1. A group's own mean counts by how much groups differ
/// beside how uncertain that mean is.
pub(super) fn factors<const N: usize>(seen: &[Seen]) -> [f64; N] {
    let (mut weights, mut squares, mut sums) = ([0.0; N], [0.0; N], [0.0; N]);
    for Seen { group, value, weight } in seen {
        weights[*group] += weight;
        squares[*group] += weight * weight;
        sums[*group] += weight * value;
    }
    let weight: f64 = weights.iter().sum();
    let square: f64 = squares.iter().sum();
    if weight <= 0.0 {
        return [1.0; N];
    }
    let known: Vec<usize> = (0..N).filter(|group| weights[*group] > 0.0).collect();
    let mean = |group: usize| sums[group] / weights[group];
    let groups = known.len() as f64;
    let all = known.iter().map(|group| mean(*group)).sum::<f64>() / groups;
    // Within groups, with the freedom that their means took.
    let within: f64 =
        seen.iter().map(|one| one.weight * (one.value - mean(one.group)).powi(2)).sum::<f64>()
            / weight;
    let many = weight * weight / square;
    let within = within * many / (many - groups).max(1.0);
    let uncertain = |group: usize| within * squares[group] / (weights[group] * weights[group]);
    let apart = known.iter().map(|group| (mean(*group) - all).powi(2)).sum::<f64>()
        / (groups - 1.0).max(1.0);
    let chance = known.iter().map(|group| uncertain(*group)).sum::<f64>() / groups;
    let between = (apart - chance).max(0.0);
    let mut factors = [all; N];
    for group in known {
        let doubt = between + uncertain(group);
        let trust = if doubt > 0.0 { between / doubt } else { 0.0 };
        factors[group] = (all + trust * (mean(group) - all)).max(0.0);
    }
    let average = factors.iter().sum::<f64>() / N as f64;
    if average <= 0.0 {
        return [1.0; N];
    }
    factors.map(|factor| factor / average)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(values: &[(usize, f64)]) -> Vec<Seen> {
        let one =
            |(group, value): &(usize, f64)| Seen { group: *group, value: *value, weight: 1.0 };
        values.iter().map(one).collect()
    }

    #[test]
    fn what_always_differs_is_believed_and_chance_is_not() {
        let sure: Vec<_> = (0..8).flat_map(|_| [(0, 2.0), (1, 0.0)]).collect();
        let [high, low] = factors::<2>(&seen(&sure));
        assert!((high - 2.0).abs() < 1e-9 && low < 1e-9, "{high} {low}");
        let noise = [(0, 1.0), (0, 3.0), (0, 0.5), (1, 2.9), (1, 0.4), (1, 1.3)];
        let flat = factors::<2>(&seen(&noise));
        assert!(flat.iter().all(|factor| (factor - 1.0).abs() < 1e-9), "{flat:?}");
    }

    #[test]
    fn who_was_not_seen_is_as_the_others() {
        assert_eq!(factors::<3>(&[]), [1.0; 3]);
        assert_eq!(factors::<2>(&seen(&[(0, 0.0)])), [1.0; 2]);
        let some = factors::<3>(&seen(&[(0, 2.0), (0, 2.0), (1, 4.0), (1, 4.0)]));
        assert!((some[2] - 1.0).abs() < 1e-9, "{some:?}");
    }
}
