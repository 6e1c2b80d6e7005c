//! What is simulated.

use std::{fmt, time::Duration};

use crate::settings::Options;

/// A network and what is posted in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LazyCase {
    /// Nodes.
    pub nodes: usize,
    /// Peers of each node.
    pub degree: usize,
    /// Bytes of the message, before it is encrypted; a multiple of 256.
    pub size: usize,
    /// Whether all nodes send everything to all peers, as without `lazy/1`.
    pub floods: bool,
    /// Messages that count.
    pub posts: u64,
    /// Messages before them, in which the nodes learn which peers are fast.
    pub warm_up: u64,
    /// Time between two messages.
    pub every: Duration,
    /// The share of nodes that announce and never deliver, from 0 to 1.
    pub liars: f64,
    /// The share of nodes without `lazy/1`.
    pub plain: f64,
    /// The share of connections that end in a minute.
    pub churn: f64,
    /// Whether the network is divided into halves for some seconds.
    pub divided: bool,
    /// The seed of the lines and the posts.
    pub seed: u64,
}

impl Default for LazyCase {
    fn default() -> Self {
        Self {
            nodes: 500,
            degree: 25,
            size: 1024,
            floods: false,
            posts: 100,
            warm_up: 60,
            every: Duration::from_millis(100),
            liars: 0.0,
            plain: 0.0,
            churn: 0.0,
            divided: false,
            seed: 1,
        }
    }
}

impl LazyCase {
    pub(super) fn parse(args: &[String]) -> Result<Self, String> {
        let mut case = Self::default();
        let mut options = Options::new(args);
        while let Some(option) = options.next_option() {
            match option {
                "--nodes" => case.nodes = options.at_least(2)?,
                "--degree" => case.degree = options.number()?,
                "--size" => case.size = options.number()?,
                "--flood" => case.floods = true,
                "--posts" => case.posts = options.at_least(1)?,
                "--warm-up" => case.warm_up = options.number()?,
                "--liars" => case.liars = options.share()?,
                "--plain" => case.plain = options.share()?,
                "--churn" => case.churn = options.share()?,
                "--divided" => case.divided = true,
                "--seed" => case.seed = options.number()?,
                _ => return options.unexpected(),
            }
        }
        if case.liars == 1.0 {
            return Err("--liars needs less than 1: an honest node must post".to_owned());
        }
        Ok(case)
    }
}

impl fmt::Display for LazyCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, degree, size, posts, seed, .. } = self;
        let way = if self.floods { "flooding" } else { "announcing" };
        write!(f, "{way}, {nodes} nodes, degree {degree}, {size} bytes, {posts} posts, seed {seed}")
    }
}
