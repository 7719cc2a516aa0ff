//! What only shows in a process of its own.

mod die_with_parent;
