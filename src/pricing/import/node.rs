//! What a source says, as a tree: every value with the line on which it stands.
//!
//! Numbers stay as they are written. Invariant: a complaint names the line, and never quotes more
//! than a word of the text.

use crate::pricing::document::Fault;

/// A value of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its line, from 1.
    pub line: usize,
    /// What it is.
    pub kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `None` or `null`.
    Nothing,
    /// `True` or `true`.
    Truth(bool),
    /// A number, as it is written.
    Number(String),
    /// A text.
    Text(String),
    /// A name, such as `datetime.UTC`.
    Name(String),
    /// A list.
    List(Vec<Node>),
    /// A dictionary, or the named arguments of a call: each name with its line.
    Fields(Vec<Field>),
    /// A call such as `Decimal('1')`: what is called, with what.
    Call {
        /// What is called.
        name: String,
        /// The arguments without a name.
        args: Vec<Node>,
        /// The arguments that have one.
        fields: Vec<Field>,
    },
}

/// A value with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name.
    pub name: String,
    /// Its line.
    pub line: usize,
    /// The value.
    pub value: Node,
}

/// A complaint about a line.
pub fn bad(line: usize, message: impl Into<String>) -> Fault {
    Fault { line: Some(line), message: message.into() }
}

impl Node {
    /// The named values of a dictionary, or of a call of `name`.
    pub fn fields(&self, name: &str) -> Result<&[Field], Fault> {
        match &self.kind {
            Kind::Fields(fields) => Ok(fields),
            Kind::Call { name: called, args, fields } if called == name && args.is_empty() => {
                Ok(fields)
            }
            _ => Err(self.is_not(&format!("a {name}"))),
        }
    }

    /// The values of a list.
    pub fn list(&self) -> Result<&[Node], Fault> {
        match &self.kind {
            Kind::List(list) => Ok(list),
            _ => Err(self.is_not("a list")),
        }
    }

    /// A text.
    pub fn text(&self) -> Result<&str, Fault> {
        match &self.kind {
            Kind::Text(text) => Ok(text),
            _ => Err(self.is_not("a text")),
        }
    }

    /// A whole number that is not negative.
    pub fn whole(&self) -> Result<u64, Fault> {
        let number = match &self.kind {
            Kind::Number(number) => number.parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| self.is_not("a whole number"))
    }

    /// A decimal as it is written: a number, or `Decimal('…')`.
    pub fn decimal(&self) -> Result<&str, Fault> {
        match &self.kind {
            Kind::Number(number) => Ok(number),
            Kind::Call { name, args, fields } if name == "Decimal" && fields.is_empty() => {
                match args.as_slice() {
                    [Node { kind: Kind::Text(text) | Kind::Number(text), .. }] => Ok(text),
                    _ => Err(self.is_not("a decimal")),
                }
            }
            _ => Err(self.is_not("a decimal")),
        }
    }

    /// Whether this is `None` or `null`.
    pub fn is_nothing(&self) -> bool {
        self.kind == Kind::Nothing
    }

    /// The complaint that this is something else.
    pub fn is_not(&self, what: &str) -> Fault {
        let found = match &self.kind {
            Kind::Nothing => "nothing".to_owned(),
            Kind::Truth(truth) => truth.to_string(),
            Kind::Number(number) => shortened(number),
            Kind::Text(_) => "a text".to_owned(),
            Kind::Name(name) => format!("`{}`", shortened(name)),
            Kind::List(_) => "a list".to_owned(),
            Kind::Fields(_) => "a dictionary".to_owned(),
            Kind::Call { name, .. } => format!("a {}", shortened(name)),
        };
        bad(self.line, format!("{found} stands where {what} is expected"))
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
