//! What is an engine sent in place of a definition?

/// The statements that stand for one of the client's, in order, and what the client is told of what they leave out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be run one after the other; the first that fails ends it. There may be none.
    pub steps: Vec<Step>,
    /// One notice for each.
    pub notices: Vec<String>,
}

/// One statement of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its text.
    pub text: String,
    /// The failure that is none, where the client has said so (`IF EXISTS`).
    pub tolerates: Option<Tolerance>,
    /// It is a query, whose rows are statements to be run next.
    pub yields: bool,
}

/// A failure that is no failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tolerance {
    /// Its SQLSTATE, as [`super::Dialect::translate_error`] gives it.
    pub sqlstates: &'static [&'static str],
    /// What the client is told instead.
    pub notice: String,
}

impl Plan {
    /// A statement as it is.
    #[must_use]
    pub fn as_it_is(text: &str) -> Self {
        Self {
            steps: vec![Step::plain(text)],
            notices: Vec::new(),
        }
    }

    /// Nothing is done, and the client is told why.
    #[must_use]
    pub fn nothing(notice: impl Into<String>) -> Self {
        Self {
            steps: Vec::new(),
            notices: vec![notice.into()],
        }
    }
}

impl Step {
    /// A statement whose failure may be none.
    #[must_use]
    pub fn tolerant(text: impl Into<String>, tolerates: Option<Tolerance>) -> Self {
        Self {
            tolerates,
            ..Self::plain(text)
        }
    }

    /// A query whose rows are statements to be run next.
    #[must_use]
    pub fn yielding(text: impl Into<String>) -> Self {
        Self {
            yields: true,
            ..Self::plain(text)
        }
    }

    /// A statement that must succeed.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            tolerates: None,
            yields: false,
        }
    }
}
