//! What may a statement do on an analytic backend?
//!
//! A proof is made by [`super::decide()`] and nobody else, for one backend, and the pool of an analytic backend takes nothing else. With
//! `access: read_only` and `ddl: refuse` there are proofs of reading alone; the other two need a key in router.yaml that allows them.

/// That a statement was proven to read only, over relations known to be on `backend`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadProof {
    backend: usize,
}

/// That a statement changes rows of a table on `backend`, alone and outside of a transaction, where `access: read_write` allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteProof {
    backend: usize,
    reads: bool,
}

/// That a statement defines something on `backend`, where `ddl:` allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DdlProof {
    backend: usize,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// It only reads.
    Read(ReadProof),
    /// It changes rows.
    Write(WriteProof),
    /// It defines something.
    Define(DdlProof),
}

impl Proof {
    pub(super) fn of_read(backend: usize) -> Self {
        Self::Read(ReadProof { backend })
    }

    /// `reads`: what it changes depends on rows that are there.
    pub(super) fn of_write(backend: usize, reads: bool) -> Self {
        Self::Write(WriteProof { backend, reads })
    }

    pub(super) fn of_definition(backend: usize) -> Self {
        Self::Define(DdlProof { backend })
    }

    /// The backend that the proof is for.
    #[must_use]
    pub fn backend(self) -> usize {
        match self {
            Self::Read(proof) => proof.backend,
            Self::Write(proof) => proof.backend,
            Self::Define(proof) => proof.backend,
        }
    }

    /// Whether it changes rows.
    #[must_use]
    pub fn writes(self) -> bool {
        matches!(self, Self::Write(_))
    }

    /// Whether what it does depends on rows that were written before.
    #[must_use]
    pub fn sees_rows(self) -> bool {
        match self {
            Self::Read(_) | Self::Define(_) => true,
            Self::Write(proof) => proof.reads,
        }
    }
}
