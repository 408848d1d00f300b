//! Shapes of requests: what the generated tables are made of. Data only; reading and checking are elsewhere.

use super::pattern::Pattern;
use std::fmt;

/// A value's type and the constraints on it. Shapes may contain themselves.
pub(super) struct Shape {
    pub(super) kind: Kind,
    /// Smallest length or value.
    pub(super) min: Option<i64>,
    /// Largest length or value.
    pub(super) max: Option<i64>,
    pub(super) pattern: Option<&'static Pattern>,
    /// Its value must not appear in an error.
    pub(super) sensitive: bool,
    /// As an element of a list or map, AWS names "must not be null" among its constraints.
    pub(super) not_null: bool,
    /// As a list: AWS prints the constraints of its elements without brackets and "must not be null".
    pub(super) bare: bool,
}

pub(super) enum Kind {
    Structure(&'static [Member]),
    List(&'static Shape),
    Map(&'static Shape, &'static Shape),
    /// A string with all the values it may have, empty if any.
    Text(&'static [&'static str]),
    Integer,
    Long,
    Double,
    Boolean,
    Timestamp,
    Blob,
}

/// A member of a structure.
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) shape: &'static Shape,
    pub(super) required: bool,
    pub(super) location: Location,
}

/// Where a request carries a member, with its name there.
pub(super) enum Location {
    Body,
    Label(&'static str),
    Query(&'static str),
    Header(&'static str),
}

/// What the body of a request is.
pub(super) enum Payload {
    /// A JSON object with the members that are nowhere else.
    Members,
    /// The JSON of this one member.
    Member(&'static str),
    /// Bytes that are none of ours to read.
    Opaque,
}

const fn shape(kind: Kind, not_null: bool) -> Shape {
    Shape { kind, min: None, max: None, pattern: None, sensitive: false, not_null, bare: false }
}

pub(super) const fn structure(members: &'static [Member]) -> Shape {
    shape(Kind::Structure(members), false)
}

pub(super) const fn list(element: &'static Shape) -> Shape {
    shape(Kind::List(element), false)
}

pub(super) const fn map(key: &'static Shape, value: &'static Shape) -> Shape {
    shape(Kind::Map(key, value), false)
}

pub(super) const fn string() -> Shape {
    shape(Kind::Text(&[]), false)
}

pub(super) const fn one_of(values: &'static [&'static str]) -> Shape {
    shape(Kind::Text(values), true)
}

pub(super) const fn integer() -> Shape {
    shape(Kind::Integer, true)
}

pub(super) const fn long() -> Shape {
    shape(Kind::Long, true)
}

pub(super) const fn double() -> Shape {
    shape(Kind::Double, true)
}

pub(super) const fn boolean() -> Shape {
    shape(Kind::Boolean, true)
}

pub(super) const fn timestamp() -> Shape {
    shape(Kind::Timestamp, true)
}

pub(super) const fn blob() -> Shape {
    shape(Kind::Blob, false)
}

impl Shape {
    pub(super) const fn min(mut self, min: i64) -> Self {
        self.min = Some(min);
        self
    }

    pub(super) const fn max(mut self, max: i64) -> Self {
        self.max = Some(max);
        self
    }

    pub(super) const fn pattern(mut self, pattern: &'static Pattern) -> Self {
        self.pattern = Some(pattern);
        self
    }

    pub(super) const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    pub(super) const fn not_null(mut self) -> Self {
        self.not_null = true;
        self
    }

    pub(super) const fn bare(mut self) -> Self {
        self.bare = true;
        self
    }

    /// The members of a structure; none of anything else.
    pub(super) fn members(&self) -> &'static [Member] {
        match self.kind {
            Kind::Structure(members) => members,
            Kind::List(_)
            | Kind::Map(..)
            | Kind::Text(_)
            | Kind::Integer
            | Kind::Long
            | Kind::Double
            | Kind::Boolean
            | Kind::Timestamp
            | Kind::Blob => &[],
        }
    }
}

pub(super) const fn member(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, shape, required: false, location: Location::Body }
}

impl Member {
    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(super) const fn label(mut self, name: &'static str) -> Self {
        self.location = Location::Label(name);
        self
    }

    pub(super) const fn query(mut self, name: &'static str) -> Self {
        self.location = Location::Query(name);
        self
    }

    pub(super) const fn header(mut self, name: &'static str) -> Self {
        self.location = Location::Header(name);
        self
    }
}

impl fmt::Debug for Shape {
    /// Without what it contains: that may be itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shape").field("members", &self.members().len()).finish_non_exhaustive()
    }
}
