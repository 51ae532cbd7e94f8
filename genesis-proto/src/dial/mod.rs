//! Dial strings and the arguments of `originate`.
