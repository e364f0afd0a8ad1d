//! Which places of a JSON document are of interest, and under which name.
//!
//! A tree is built once per kind of document and shared by all its scanners. It holds no values.
//! Places are written `usage.prompt_tokens` or `choices[].finish_reason`; the empty path is the
//! document itself.

/// What is wanted of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Its value if that is a scalar, and the fact that an object or array begins or ends.
    Value,
    /// The length in bytes of every string in it, at any depth.
    Text,
    /// The length of the string there, in characters too; that it is one, an object or an array.
    Characters,
    /// Nothing: strings in it are not counted although they lie within a [`Want::Text`].
    Nothing,
}

/// Number of a place within its tree; [`Place::NONE`] is everywhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(u16);

impl Place {
    pub(super) const NONE: Self = Self(0);
    pub(super) const ROOT: Self = Self(1);
}

#[derive(Debug)]
struct Branch<T> {
    keys: Vec<(&'static [u8], Place)>,
    element: Place,
    wanted: Option<(T, Want)>,
}

impl<T> Branch<T> {
    const fn new() -> Self {
        Self { keys: Vec::new(), element: Place::NONE, wanted: None }
    }
}

/// The places that matter, each with a tag.
#[derive(Debug)]
pub struct Tree<T> {
    branches: Vec<Branch<T>>,
    anywhere: Vec<(&'static [u8], Place)>,
    lengths_anywhere: u64,
}

impl<T: Copy> Tree<T> {
    /// An empty tree.
    pub fn new() -> Self {
        let branches = vec![Branch::new(), Branch::new()];
        Self { branches, anywhere: Vec::new(), lengths_anywhere: 0 }
    }

    /// Adds the place at `path`.
    #[must_use]
    pub fn with(mut self, path: &'static str, tag: T, want: Want) -> Self {
        self.add(&[], path, tag, want);
        self
    }

    /// Adds the place at `path` below the places of `parents`, each within the one before.
    #[must_use]
    pub fn within(
        mut self,
        parents: &[&'static str],
        path: &'static str,
        tag: T,
        want: Want,
    ) -> Self {
        self.add(parents, path, tag, want);
        self
    }

    /// Adds every value whose key is one of `keys`, at any depth.
    #[must_use]
    pub fn anywhere(mut self, keys: &[&'static str], tag: T) -> Self {
        for key in keys {
            let place = self.branch(Some((tag, Want::Value)));
            self.anywhere.push((key.as_bytes(), place));
            self.lengths_anywhere |= 1 << key.len().min(63);
        }
        self
    }

    fn add(&mut self, parents: &[&'static str], path: &'static str, tag: T, want: Want) {
        let mut at = Place::ROOT;
        let steps = parents.iter().copied().chain([path]).flat_map(|path| path.split('.'));
        for step in steps.filter(|step| !step.is_empty()) {
            let (key, element) = match step.strip_suffix("[]") {
                Some(key) => (key, true),
                None => (step, false),
            };
            at = self.child(at, key);
            if element {
                at = self.element_of(at);
            }
        }
        if let Some(branch) = self.branches.get_mut(usize::from(at.0)) {
            branch.wanted = Some((tag, want));
        }
    }

    fn branch(&mut self, wanted: Option<(T, Want)>) -> Place {
        let place = u16::try_from(self.branches.len()).map_or(Place::NONE, Place);
        self.branches.push(Branch { wanted, ..Branch::new() });
        place
    }

    fn child(&mut self, at: Place, key: &'static str) -> Place {
        match self.key(at, key.as_bytes()) {
            Place::NONE => {
                let new = self.branch(None);
                self.branches[usize::from(at.0)].keys.push((key.as_bytes(), new));
                new
            }
            known => known,
        }
    }

    fn element_of(&mut self, at: Place) -> Place {
        if self.element(at) == Place::NONE {
            self.branches[usize::from(at.0)].element = self.branch(None);
        }
        self.element(at)
    }

    /// The place of `key` in the object at `at`.
    pub(super) fn key(&self, at: Place, key: &[u8]) -> Place {
        let keys = &self.branches[usize::from(at.0)].keys;
        keys.iter().find(|(name, _)| *name == key).map_or(Place::NONE, |&(_, place)| place)
    }

    /// Whether keys of the object at `at` matter.
    pub(super) fn has_keys(&self, at: Place) -> bool {
        !self.branches[usize::from(at.0)].keys.is_empty()
    }

    /// The place of the elements of the array at `at`.
    pub(super) fn element(&self, at: Place) -> Place {
        self.branches[usize::from(at.0)].element
    }

    /// The place of `key` in any object.
    pub(super) fn key_anywhere(&self, key: &[u8]) -> Place {
        if self.lengths_anywhere & (1 << key.len().min(63)) == 0 {
            return Place::NONE;
        }
        let found = self.anywhere.iter().find(|(name, _)| *name == key);
        found.map_or(Place::NONE, |&(_, place)| place)
    }

    /// Whether any key is looked for at any depth.
    pub(super) fn looks_anywhere(&self) -> bool {
        !self.anywhere.is_empty()
    }

    /// What is wanted of a place.
    pub(super) fn wanted(&self, at: Place) -> Option<(T, Want)> {
        self.branches[usize::from(at.0)].wanted
    }
}

impl<T: Copy> Default for Tree<T> {
    fn default() -> Self {
        Self::new()
    }
}
