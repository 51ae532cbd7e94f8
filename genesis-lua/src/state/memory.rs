//! Where a script was when its values grew.
//!
//! Lua cannot tell where it was when its memory was full: the stack is gone by then, and no handler is
//! called. So it is looked at before: while instructions are counted, and after each collection, which
//! also comes in the middle of a few instructions that take very much.

use std::cell::{Cell, RefCell};

use mlua::Lua;

use super::trace::place_in;

/// Below this part of the limit nothing is kept.
const LITTLE: usize = 4;

/// By what part of the limit the values grow until it is looked again.
const STEP: usize = 16;

/// The memory of one state.
#[derive(Debug)]
pub(super) struct Memory {
    limit: usize,
    /// What was in use at the last look that kept something; 0 if nothing is kept.
    seen: Cell<usize>,
    stack: RefCell<String>,
}

impl Memory {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            seen: Cell::new(0),
            stack: RefCell::default(),
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Keeps where the script is, if its values have grown, or will by so many bytes.
    pub(super) fn look(&self, lua: &Lua, coming: usize) {
        let used = lua.used_memory().saturating_add(coming);
        let seen = self.seen.get();
        if used < self.limit / LITTLE {
            return self.forget();
        }
        if used < seen {
            return self.seen.set(used);
        }
        if seen > 0 && used - seen < self.limit / STEP {
            return;
        }
        // without memory for it, what was kept before is the best there is
        if let Ok(stack) = lua.traceback(None, 0) {
            self.stack.replace(stack.to_string_lossy());
            self.seen.set(used);
        }
    }

    /// Another piece of the script begins.
    pub(super) fn forget(&self) {
        if self.seen.replace(0) > 0 {
            self.stack.borrow_mut().clear();
        }
    }

    /// `path:line` and the stack where the values grew last, if it is known.
    pub(super) fn place(&self) -> Option<(String, String)> {
        let stack = self.stack.borrow();
        Some((place_in(&stack)?, stack.clone()))
    }
}
