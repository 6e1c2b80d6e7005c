//! What is simulated.

use std::{fmt, time::Duration};

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
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} needs a value"));
            let number = |text: &String| {
                text.parse::<u64>().map_err(|_| format!("{arg} needs a number, not `{text}`"))
            };
            let count =
                |text| Ok::<_, String>(usize::try_from(number(text)?).unwrap_or(usize::MAX));
            let share = |text: &String| match text.parse::<f64>() {
                Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
                _ => Err(format!("{arg} needs a share from 0 to 1, not `{text}`")),
            };
            match arg.as_str() {
                "--nodes" => case.nodes = count(value()?)?,
                "--degree" => case.degree = count(value()?)?,
                "--size" => case.size = count(value()?)?,
                "--flood" => case.floods = true,
                "--posts" => case.posts = number(value()?)?,
                "--warm-up" => case.warm_up = number(value()?)?,
                "--liars" => case.liars = share(value()?)?,
                "--plain" => case.plain = share(value()?)?,
                "--churn" => case.churn = share(value()?)?,
                "--divided" => case.divided = true,
                "--seed" => case.seed = number(value()?)?,
                _ => return Err(format!("unexpected argument `{arg}`")),
            }
        }
        match case {
            Self { nodes: 0..2, .. } => Err("--nodes needs at least 2".to_owned()),
            Self { posts: 0, .. } => Err("--posts needs at least 1".to_owned()),
            Self { liars: 1.0, .. } => {
                Err("--liars needs less than 1: an honest node must post".to_owned())
            }
            case => Ok(case),
        }
    }
}

impl fmt::Display for LazyCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, degree, size, posts, seed, .. } = self;
        let way = if self.floods { "flooding" } else { "announcing" };
        write!(f, "{way}, {nodes} nodes, degree {degree}, {size} bytes, {posts} posts, seed {seed}")
    }
}
