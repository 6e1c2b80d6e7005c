//! Teams: what one makes does not exist for another, and changes act on open connections.

mod admin;
mod audit;
mod certificates;
mod changes;
mod objects;
mod quotas;
mod random;
mod scopes;
