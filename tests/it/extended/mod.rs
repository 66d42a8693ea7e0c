//! The extended protocol: statements, portals, pipelines, on either side and on both.

mod copy;
mod many;
mod pipelines;
mod portals;
mod statements;

use crate::support::wire::Frame;

const INT4: u32 = 23;

fn count(frames: &[Frame], tag: char) -> usize {
    frames.iter().filter(|frame| frame.tag == tag).count()
}
