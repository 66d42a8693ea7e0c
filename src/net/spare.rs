//! Where are the buffers of those who have nothing to say?
//!
//! Not with them: ten thousand quiet clients would hold as many buffers. Each thread keeps a few, which whoever reads or is written to
//! takes and gives back, so that the ones in use stay few and in the processor's cache.

use std::cell::RefCell;

use bytes::BytesMut;

use crate::limits::{READ_CHUNK_BYTES, REST_BUFFER_BYTES, SPARE_BUFFERS_MAX};

thread_local! {
    static SPARE: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer with room for one read.
pub fn take() -> BytesMut {
    let mut buffer = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
    // Messages that were taken from it may still be in use; then this is a new one.
    buffer.reserve(READ_CHUNK_BYTES);
    buffer
}

/// Reads into the buffer that would be taken next, and takes it only if something came.
pub fn fill<T>(inbox: &mut BytesMut, read: impl FnOnce(&mut BytesMut) -> T) -> T {
    SPARE.with_borrow_mut(|spare| {
        if spare.is_empty() {
            spare.push(BytesMut::new());
        }
        let Some(buffer) = spare.last_mut() else {
            return read(inbox);
        };
        buffer.reserve(READ_CHUNK_BYTES);
        let done = read(buffer);
        if !buffer.is_empty() {
            *inbox = std::mem::take(buffer);
            spare.pop();
        }
        done
    })
}

/// Gives an empty buffer back.
pub fn give(buffer: &mut BytesMut) {
    let buffer = std::mem::take(buffer);
    if buffer.capacity() <= REST_BUFFER_BYTES {
        SPARE.with_borrow_mut(|spare| {
            if spare.len() < SPARE_BUFFERS_MAX {
                spare.push(buffer);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_was_given_back_is_the_next_one_taken() {
        let mut buffer = take();
        buffer.extend_from_slice(b"message");
        let at = buffer.as_ptr();
        drop(buffer.split());
        give(&mut buffer);
        assert_eq!(buffer.capacity(), 0);
        let again = take();
        assert_eq!(again.as_ptr(), at);
        assert!(again.is_empty() && again.capacity() >= READ_CHUNK_BYTES);
    }

    #[test]
    fn a_buffer_into_which_nothing_was_read_stays() {
        let mut inbox = BytesMut::new();
        fill(&mut inbox, |_| ());
        assert_eq!(inbox.capacity(), 0);
        fill(&mut inbox, |buffer| buffer.extend_from_slice(b"message"));
        assert_eq!(inbox, b"message"[..]);
        assert!(take().is_empty());
    }

    #[test]
    fn a_buffer_of_which_a_message_is_in_use_is_not_written_over() {
        let mut buffer = take();
        buffer.extend_from_slice(b"message");
        let message = buffer.split();
        give(&mut buffer);
        take().extend_from_slice(&[0; READ_CHUNK_BYTES]);
        assert_eq!(message, b"message"[..]);
    }

    #[test]
    fn a_buffer_that_grew_long_is_not_kept() {
        let mut long = BytesMut::with_capacity(REST_BUFFER_BYTES + 1);
        give(&mut long);
        assert!(take().capacity() <= REST_BUFFER_BYTES);
    }
}
