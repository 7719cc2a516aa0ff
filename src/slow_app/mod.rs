//! The deliberately slow web application.
