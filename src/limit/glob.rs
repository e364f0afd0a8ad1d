//! Globs of model names: `*` is any text, `?` any character. Pure, and linear in the name.

/// Whether a glob matches the whole of `text`.
pub fn glob_matches(glob: &str, text: &str) -> bool {
    let (glob, text) = (glob.as_bytes(), text.as_bytes());
    let (mut g, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match (glob.get(g), text.get(t)) {
            (Some(b'*'), _) => {
                star = Some((g, t));
                g = g.saturating_add(1);
            }
            (Some(pattern), Some(byte)) if *pattern == b'?' || pattern == byte => {
                g = g.saturating_add(1);
                t = t.saturating_add(1);
            }
            _ => match star {
                Some((at, from)) => {
                    t = from.saturating_add(1);
                    star = Some((at, t));
                    g = at.saturating_add(1);
                }
                None => return false,
            },
        }
    }
    glob.iter().skip(g).all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_whole_names() {
        let check = |glob, text, fits| assert_eq!(glob_matches(glob, text), fits, "{glob} {text}");
        check("gpt-*", "gpt-5", true);
        check("gpt-*", "xgpt-5", false);
        check("*", "", true);
        check("", "", true);
        check("", "a", false);
        check("gpt-?o", "gpt-4o", true);
        check("*-mini*", "gpt-5-mini-2026", true);
        check("a*b*c", "aXbYbZc", true);
        check("a*b*c", "aXbYbZ", false);
        check("gpt-5", "gpt-5-mini", false);
    }
}
