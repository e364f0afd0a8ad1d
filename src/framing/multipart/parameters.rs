//! Header values with parameters, as in `form-data; name="file"; filename="a.txt"`.

/// The value in front, and the parameters behind it.
pub(super) type Value<'a> = (&'a [u8], Vec<(&'a [u8], Vec<u8>)>);

/// Divides a header value; `None` if a quote does not end or a parameter has no value.
pub(super) fn divide(text: &[u8]) -> Option<Value<'_>> {
    let (kind, mut rest) = until_semicolon(text);
    let mut parameters = Vec::new();
    while let Some(behind) = rest.strip_prefix(b";") {
        let behind = behind.trim_ascii_start();
        if behind.is_empty() || behind.starts_with(b";") {
            rest = behind;
            continue;
        }
        let (name, behind) = behind.split_at(memchr::memchr2(b'=', b';', behind)?);
        let value = behind.strip_prefix(b"=")?.trim_ascii_start();
        let (value, behind) = match value.strip_prefix(b"\"") {
            Some(quoted) => {
                let (value, behind) = unquote(quoted)?;
                (value, behind.trim_ascii_start())
            }
            None => {
                let (value, behind) = until_semicolon(value);
                (value.to_owned(), behind)
            }
        };
        parameters.push((name.trim_ascii_end(), value));
        rest = behind;
    }
    rest.is_empty().then_some((kind, parameters))
}

fn until_semicolon(text: &[u8]) -> (&[u8], &[u8]) {
    let (value, rest) = text.split_at(memchr::memchr(b';', text).unwrap_or(text.len()));
    (value.trim_ascii(), rest)
}

/// Reads up to the closing quote. A backslash stands for itself except before a quote or another,
/// as browsers write names of files with it.
fn unquote(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut value = Vec::new();
    let mut rest = text;
    loop {
        let (plain, stop) = rest.split_at(memchr::memchr2(b'"', b'\\', rest)?);
        value.extend_from_slice(plain);
        match stop {
            [b'\\', escaped @ (b'"' | b'\\'), behind @ ..] => {
                value.push(*escaped);
                rest = behind;
            }
            [b'\\', behind @ ..] => {
                value.push(b'\\');
                rest = behind;
            }
            [_, behind @ ..] => return Some((value, behind)),
            [] => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::divide;

    fn check(text: &str, expected: Option<(&str, &[(&str, &str)])>) {
        let found = divide(text.as_bytes()).map(|(kind, parameters)| {
            let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let parameters: Vec<_> =
                parameters.iter().map(|(name, value)| (shown(name), shown(value))).collect();
            (shown(kind), parameters)
        });
        let expected = expected.map(|(kind, parameters)| {
            let owned = parameters.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
            (kind.to_owned(), owned.collect())
        });
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn divides_values() {
        check("", Some(("", &[])));
        check(" form-data ", Some(("form-data", &[])));
        check("form-data; name=a", Some(("form-data", &[("name", "a")])));
        check(
            "form-data;name=\"a b\";x = y ;",
            Some(("form-data", &[("name", "a b"), ("x", "y")])),
        );
        check("a; b=\"c;d=\\\"e\\\"\" ; f=", Some(("a", &[("b", "c;d=\"e\""), ("f", "")])));
        check(r#"a; f="C:\dir\\x""#, Some(("a", &[("f", r"C:\dir\x")])));
        check("a;; ;b=c", Some(("a", &[("b", "c")])));
    }

    #[test]
    fn refuses_what_does_not_end() {
        check("a; b=\"c", None);
        check("a; b=\"c\\\"", None);
        check("a; b", None);
        check("a; b; c=d", None);
        check("a; b=\"c\"d; e=f", None);
    }
}
