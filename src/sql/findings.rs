//! What has been found out about a statement so far?
//!
//! Both the AST collector and the token classifier gather into this one value. It keeps the lists
//! bounded and the effect monotonic: an effect is only ever raised, never lowered.

use super::facts::{
    Access, Effect, FunctionName, ParsedBy, RelationName, RelationUse, SessionEffect, Shape,
    StatementFacts,
};
use super::limits::{FUNCTIONS_MAX, RELATIONS_MAX};

/// Most attempts to add an entry; each compares with what is there, so this bounds the time.
const ADDITIONS_MAX: usize = 8 * 1024;

/// The facts under construction.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) relations: Vec<RelationUse>,
    pub(super) functions: Vec<FunctionName>,
    pub(super) shape: Shape,
    pub(super) session: SessionEffect,
    pub(super) constraint: Option<&'static str>,
    effect: Effect,
    overflown: bool,
    additions: usize,
}

/// How much an effect outweighs another when a statement has both. `Write` tops `Unknown`: both are
/// kept from the analytic side, and the former says why.
fn weight(effect: Effect) -> u8 {
    match effect {
        Effect::Empty => 0,
        Effect::Read => 1,
        Effect::Session => 2,
        Effect::Transaction => 3,
        Effect::Lock => 4,
        Effect::Define => 5,
        Effect::Unknown => 6,
        Effect::Write => 7,
    }
}

impl Findings {
    pub(super) fn new(effect: Effect) -> Self {
        Findings {
            relations: Vec::new(),
            functions: Vec::new(),
            shape: Shape::Plain,
            session: SessionEffect::None,
            constraint: None,
            effect,
            overflown: false,
            additions: 0,
        }
    }

    pub(super) fn raise(&mut self, effect: Effect) {
        if weight(effect) > weight(self.effect) {
            self.effect = effect;
        }
    }

    fn may_add(&mut self, length: usize, max: usize) -> bool {
        self.additions += 1;
        self.overflown |= length >= max || self.additions > ADDITIONS_MAX;
        !self.overflown
    }

    pub(super) fn relation(&mut self, name: RelationName, access: Access) {
        let known = |used: &RelationUse| used.access == access && used.name == name;
        if !self.overflown && self.relations.iter().any(known) {
            self.additions += 1;
        } else if self.may_add(self.relations.len(), RELATIONS_MAX) {
            self.relations.push(RelationUse { name, access });
        }
    }

    pub(super) fn function(&mut self, name: FunctionName) {
        if !self.overflown && self.functions.contains(&name) {
            self.additions += 1;
        } else if self.may_add(self.functions.len(), FUNCTIONS_MAX) {
            self.functions.push(name);
        }
    }

    /// Takes over the relations and functions of a statement inside this one.
    pub(super) fn absorb(&mut self, inner: StatementFacts) {
        for used in inner.relations {
            self.relation(used.name, used.access);
        }
        for name in inner.functions {
            self.function(name);
        }
    }

    pub(super) fn into_facts(self, kind: &'static str, parsed_by: ParsedBy) -> StatementFacts {
        // With a list cut short no effect may be trusted, not even a write's: routing could believe
        // that it names OLTP relations only.
        let effect = if self.overflown {
            Effect::Unknown
        } else {
            self.effect
        };
        StatementFacts {
            kind,
            effect,
            relations: self.relations,
            functions: self.functions,
            constraint: self.constraint,
            session: self.session,
            shape: self.shape,
            hint: None,
            parsed_by,
        }
    }
}
