//! Guest protocol placeholder.
