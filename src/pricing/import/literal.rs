//! Reads Python literals and calls, and JSON, as data. Nothing is evaluated.
//!
//! The grammar is the smallest that the sources need: texts, numbers, names, lists, dictionaries,
//! calls whose arguments are of the same kind. Anything else is an error with its line. Bounds:
//! [`DEEPEST`] levels, and as many values as the text has bytes.

use super::node::{Field, Kind, Node, bad};
use crate::pricing::document::Fault;
use std::collections::HashMap;

/// How deep values may stand in one another.
const DEEPEST: usize = 64;

/// Reads a JSON document.
pub fn json(text: &str) -> Result<Node, Fault> {
    let mut reader = Reader::new(text);
    let value = reader.value(0)?;
    reader.space();
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.unexpected("the end")),
    }
}

/// Reads what a Python module assigns to `name`. Besides, the module may hold comments, a text at
/// its head, imports, and `__all__`.
pub fn module(text: &str, name: &str) -> Result<Node, Fault> {
    let mut reader = Reader::new(text);
    let mut found = None;
    loop {
        reader.space();
        match reader.peek() {
            None => break,
            Some('"' | '\'') => drop(reader.value(0)?),
            Some(_) => {
                let line = reader.line;
                let word = reader.word()?;
                match word.as_str() {
                    "import" | "from" => reader.rest_of_line(),
                    _ => {
                        let value = reader.assigned()?;
                        match word.as_str() {
                            "__all__" => {}
                            word if word == name && found.is_none() => found = Some(value),
                            word => return Err(bad(line, format!("`{word}` is not understood"))),
                        }
                    }
                }
            }
        }
    }
    found.ok_or_else(|| Fault { line: None, message: format!("there is no `{name} = …`") })
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text.trim_start_matches('\u{feff}'), line: 1 }
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next()?;
        self.rest = chars.as_str();
        if next == '\n' {
            self.line = self.line.saturating_add(1);
        }
        Some(next)
    }

    fn takes(&mut self, wanted: char) -> bool {
        let is = self.peek() == Some(wanted);
        if is {
            self.take();
        }
        is
    }

    fn space(&mut self) {
        while let Some(next) = self.peek() {
            match next {
                '#' => self.rest_of_line(),
                next if next.is_ascii_whitespace() => drop(self.take()),
                _ => break,
            }
        }
    }

    fn rest_of_line(&mut self) {
        while self.peek().is_some_and(|next| next != '\n') {
            self.take();
        }
    }

    fn unexpected(&self, wanted: &str) -> Fault {
        match self.peek() {
            Some(found) => bad(self.line, format!("`{found}` stands where {wanted} is expected")),
            None => bad(self.line, format!("the text ends where {wanted} is expected")),
        }
    }

    fn wants(&mut self, wanted: char) -> Result<(), Fault> {
        self.space();
        match self.takes(wanted) {
            true => Ok(()),
            false => Err(self.unexpected(&format!("`{wanted}`"))),
        }
    }

    /// A name, with dots and, for a type, what stands in brackets left out.
    fn word(&mut self) -> Result<String, Fault> {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.unexpected("a name"));
        }
        self.rest = rest;
        Ok(word.to_owned())
    }

    /// `= value`, or `: type = value`.
    fn assigned(&mut self) -> Result<Node, Fault> {
        self.space();
        if self.takes(':') {
            self.space();
            self.word()?;
            if self.takes('[') {
                self.word()?;
                self.wants(']')?;
            }
        }
        self.wants('=')?;
        self.value(0)
    }

    fn value(&mut self, depth: usize) -> Result<Node, Fault> {
        self.space();
        let line = self.line;
        if depth > DEEPEST {
            return Err(bad(line, format!("values stand more than {DEEPEST} deep in one another")));
        }
        let below = depth.saturating_add(1);
        let kind = match self.peek() {
            Some('"' | '\'') => Kind::Text(self.texts()?),
            Some('[') => Kind::List(self.list(']', below)?),
            Some('(') => Kind::List(self.list(')', below)?),
            Some('{') => Kind::Fields(self.dictionary(below)?),
            Some('-' | '0'..='9' | '.') => Kind::Number(self.number()?),
            _ => self.named(below)?,
        };
        Ok(Node { line, kind })
    }

    fn number(&mut self) -> Result<String, Fault> {
        let of_number = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_');
        let end = self.rest.find(|c| !of_number(c)).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        let number: String = number.chars().take(80).collect();
        let fits = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
        if !number.chars().all(fits) || !number.contains(|c: char| c.is_ascii_digit()) {
            return Err(bad(self.line, format!("`{number}` is not a number")));
        }
        self.rest = rest;
        Ok(number)
    }

    fn named(&mut self, depth: usize) -> Result<Kind, Fault> {
        let word = self.word().map_err(|_| self.unexpected("a value"))?;
        self.space();
        if self.takes('(') {
            let (args, fields) = self.arguments(depth)?;
            return Ok(Kind::Call { name: word, args, fields });
        }
        Ok(match word.as_str() {
            "None" | "null" => Kind::Nothing,
            "True" | "true" => Kind::Truth(true),
            "False" | "false" => Kind::Truth(false),
            _ => Kind::Name(word),
        })
    }

    fn arguments(&mut self, depth: usize) -> Result<(Vec<Node>, Vec<Field>), Fault> {
        let (mut args, mut fields) = (Vec::new(), Vec::new());
        loop {
            self.space();
            if self.takes(')') {
                return Ok((args, unique(fields)?));
            }
            let value = self.value(depth)?;
            self.space();
            match &value.kind {
                Kind::Name(name) if self.takes('=') => {
                    let (name, line) = (name.clone(), value.line);
                    fields.push(Field { name, line, value: self.value(depth)? });
                }
                _ if fields.is_empty() => args.push(value),
                _ => {
                    return Err(bad(value.line, "a value without a name stands after a named one"));
                }
            }
            self.space();
            if !self.takes(',') && self.peek() != Some(')') {
                return Err(self.unexpected("`,` or `)`"));
            }
        }
    }

    fn list(&mut self, end: char, depth: usize) -> Result<Vec<Node>, Fault> {
        self.take();
        let mut list = Vec::new();
        loop {
            self.space();
            if self.takes(end) {
                return Ok(list);
            }
            list.push(self.value(depth)?);
            self.space();
            if !self.takes(',') && self.peek() != Some(end) {
                return Err(self.unexpected(&format!("`,` or `{end}`")));
            }
        }
    }

    fn dictionary(&mut self, depth: usize) -> Result<Vec<Field>, Fault> {
        self.take();
        let mut fields = Vec::new();
        loop {
            self.space();
            if self.takes('}') {
                return unique(fields);
            }
            let line = self.line;
            if !matches!(self.peek(), Some('"' | '\'')) {
                return Err(self.unexpected("a name in quotes"));
            }
            let name = self.texts()?;
            self.wants(':')?;
            fields.push(Field { name, line, value: self.value(depth)? });
            self.space();
            if !self.takes(',') && self.peek() != Some('}') {
                return Err(self.unexpected("`,` or `}`"));
            }
        }
    }

    /// A text, and those that follow it without a comma, as Python joins them; `"""` too.
    fn texts(&mut self) -> Result<String, Fault> {
        let mut text = String::new();
        while let Some(quote @ ('"' | '\'')) = self.peek() {
            let long: String = std::iter::repeat_n(quote, 3).collect();
            let end = if self.rest.starts_with(&long) { long } else { quote.to_string() };
            self.quoted(&end, &mut text)?;
            self.space();
        }
        Ok(text)
    }

    fn quoted(&mut self, end: &str, text: &mut String) -> Result<(), Fault> {
        let first = self.line;
        self.rest = self.rest.get(end.len()..).unwrap_or_default();
        loop {
            if let Some(rest) = self.rest.strip_prefix(end) {
                self.rest = rest;
                return Ok(());
            }
            match self.take() {
                Some('\n') if end.len() == 1 => {
                    return Err(bad(first, "a text does not end on its line"));
                }
                Some('\\') => text.extend(self.escape()?),
                Some(plain) => text.push(plain),
                None => return Err(bad(first, "a text does not end")),
            }
        }
    }

    fn escape(&mut self) -> Result<Option<char>, Fault> {
        let line = self.line;
        Ok(Some(match self.take() {
            Some(plain @ ('"' | '\'' | '\\' | '/')) => plain,
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('\n') => return Ok(None),
            Some('x') => self.code(2, line)?,
            Some('u') => self.code(4, line)?,
            Some('U') => self.code(8, line)?,
            _ => return Err(bad(line, "a `\\` in a text is not understood")),
        }))
    }

    /// A character by its number. Halves of a pair, which JSON has, become the sign for what is not
    /// a character: names and prices have none.
    fn code(&mut self, digits: usize, line: usize) -> Result<char, Fault> {
        let (number, rest) = self.rest.split_at_checked(digits).unwrap_or_default();
        self.rest = rest;
        match u32::from_str_radix(number, 16) {
            Ok(number) => Ok(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)),
            Err(_) => Err(bad(line, "a `\\` in a text is not understood")),
        }
    }
}

/// The fields, if no name stands twice.
fn unique(fields: Vec<Field>) -> Result<Vec<Field>, Fault> {
    let mut lines: HashMap<&str, usize> = HashMap::with_capacity(fields.len());
    for field in &fields {
        if let Some(first) = lines.insert(&field.name, field.line) {
            let message = format!("`{}` stands twice, first on line {first}", field.name);
            return Err(bad(field.line, message));
        }
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let error = module(text, "providers").unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}\n{expected}");
    }

    #[test]
    fn a_module_of_literals_is_read_with_its_lines() {
        let text = "\"\"\"Head\n\"\"\"\nimport datetime\nfrom .types import *\n__all__ = ('providers',)\n\
                    providers: list[Provider] = [\n  Provider(id='a', # why\n    price=Decimal('1.50'),\n  \
                    at=datetime.date(2026, 9, 10), text='it\\'s ' \"joined\"),\n]\n";
        let node = module(text, "providers").unwrap();
        let fields = node.list().unwrap()[0].fields("Provider").unwrap();
        let lines: Vec<_> = fields.iter().map(|field| (field.name.as_str(), field.line)).collect();
        assert_eq!(lines, [("id", 7), ("price", 8), ("at", 9), ("text", 9)]);
        assert_eq!(fields[1].value.decimal().unwrap(), "1.50");
        assert_eq!(fields[3].value.text().unwrap(), "it's joined");
        assert!(matches!(&fields[2].value.kind, Kind::Call { name, args, .. }
            if name == "datetime.date" && args[1].whole() == Ok(9)));
    }

    #[test]
    fn json_keeps_numbers_as_they_are_written() {
        let node = json("{\"a\": [1e-07, 0.10, null, true], \"b\\u0041\": {}}").unwrap();
        let fields = node.fields("").unwrap();
        assert_eq!(fields[0].value.list().unwrap()[0].decimal().unwrap(), "1e-07");
        assert_eq!(fields[0].value.list().unwrap()[1].decimal().unwrap(), "0.10");
        assert_eq!(fields[1].name, "bA");
    }

    #[test]
    fn what_is_not_data_is_refused_with_its_line() {
        refused("providers = [\n1 + 2]", "line 2: `+` stands where `,` or `]` is expected");
        refused("x = 1\n", "line 1: `x` is not understood");
        refused("providers = []\nproviders = []", "line 2: `providers` is not understood");
        refused("providers = [x for x in y]", "line 1: `f` stands where `,` or `]`");
        refused("def f():\n  pass", "line 1: `f` stands where `=` is expected");
        refused("providers = {\n'a': 1,\n'a': 2}", "line 3: `a` stands twice, first on line 2");
        refused("providers = A(\nb=1,\nb=2)", "line 3: `b` stands twice, first on line 2");
        refused("providers = ['a\n']", "line 1: a text does not end on its line");
        refused("providers = [1_000]", "line 1: `1_000` is not a number");
        refused("", "there is no `providers = …`");
        let deep = format!("providers = {}", "[".repeat(100_000));
        refused(&deep, "line 1: values stand more than 64 deep");
        assert!(
            json("{} {}").unwrap_err().to_string().contains("line 1: `{` stands where the end")
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]{}()'\",:=a\\\\0-9.# \n-]{0,60}") {
            let _ = json(&text);
            let _ = module(&text, "providers");
        }
    }
}
