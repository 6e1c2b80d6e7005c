//! What to simulate.

mod options;

use std::{fmt::Write as _, path::PathBuf, time::Duration};

use p2p_sim::{FaultMix, Scenario, random_faults};

pub(crate) use options::Options;

use crate::scenario::Output;

/// What `--help` prints.
pub const USAGE: &str = "\
cargo xtask sim [SCENARIO] [OPTION]...

Scenarios:
  faults    posts while hosts are killed, lose their power, are cut off, and have wrong clocks (default)
  quiet     posts, and nothing goes wrong
  eclipse   nodes that know a boot node find each other while a host with many ids attacks the tables of all
  clocks    every fifth clock is wrong by up to five minutes, and connections end all the time
  calibrate a network that is simulated and over real sockets, which must agree
  archive   two archives and their readers, with late envelopes, kills and power losses, and an archive away for an hour;
            options: --seed, --envelopes N (10000), --kills N (10), --readers N (2), --hours N (2)
  trace     nodes say where messages are while others are killed and lines are cut; their answers are compared with the truth;
            options: --seed, --traces N (100), --nodes N (20), --degree N (6)
  lazy      announcing, or with --flood flooding: copies, bytes and times; options: --nodes N (500), --degree N (25),
            --size BYTES (1024), --posts N (100), --warm-up N (60), --flood, --seed, and the shares --liars, --plain and
            --churn (of connections in a minute), --divided
  planted [BUG]...
            `faults`, or `archive`, with one planted bug after the other, each of which must be found within the seeds (1000)

Options:
  --seed N       the first seed (1)
  --seeds K      number of seeds (1)
  --nodes N      nodes (20)
  --degree N     peers of each node (6)
  --minutes M    virtual minutes (4)
  --posts N      posts per minute, of all nodes together (60)
  --null         connections without cryptography, for thousands of nodes
  --hostile N    hosts that attack nodes in the first 45 seconds (4)
  --threads N    threads for seeds, or for the regions of one seed, that run side by side (all cores)
  --regions N    parts of a quiet network that can run side by side (1)
  --trace FILE   write what happens in the only seed, one line for each event
  --html FILE    write a page that replays the only seed in a browser
  --no-shrink    do not make a failing seed smaller";

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Run seeds of a scenario.
    Scenario,
    /// Plant bugs that the scenario must find: those with these names, or all if there are none.
    Planted(Vec<String>),
    /// Discover nodes while a hostile host wants to fill all tables.
    Eclipse,
    /// Post while many clocks are wrong.
    Clocks,
    /// Compare a simulated network with a real one.
    Calibrate,
}

/// Which seeds to run, and on how many threads.
#[derive(Debug, Clone)]
pub(crate) struct Seeds {
    pub(crate) first: u64,
    pub(crate) count: u64,
    /// How many run side by side.
    pub(crate) threads: u64,
    /// Parts of a network that run side by side.
    pub(crate) regions: usize,
}

impl Default for Seeds {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
        Self { first: 1, count: 1, threads, regions: 1 }
    }
}

/// What to simulate.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    pub(crate) faults: bool,
    pub(crate) seeds: Seeds,
    pub(crate) nodes: usize,
    pub(crate) degree: usize,
    pub(crate) minutes: u64,
    pub(crate) posts: u64,
    /// Whether connections compute no cryptography.
    pub(crate) null: bool,
    pub(crate) hostile: usize,
    trace: Option<PathBuf>,
    html: Option<PathBuf>,
    pub(crate) shrink: bool,
}

/// Time at the end of a run in which nothing goes wrong, so that everything can arrive.
pub(crate) const SETTLE: Duration = Duration::from_secs(90);

/// The regions of the network of the benchmark: more than threads, so that none waits long for the others.
const MEASURED_REGIONS: usize = 8;

impl Settings {
    /// The network of the benchmark.
    pub(crate) fn measured(nodes: usize, minutes: u64) -> Self {
        let seeds = Seeds { regions: MEASURED_REGIONS, ..Seeds::default() };
        Self { faults: false, nodes, degree: 8, minutes, null: true, seeds, ..Self::default() }
    }

    pub(crate) fn parse(args: &[String]) -> Result<Self, String> {
        let mut settings = Self::default();
        let mut options = Options::new(args);
        while let Some(option) = options.next_option() {
            match option {
                "faults" => settings.faults = true,
                "quiet" => settings.faults = false,
                "clocks" => settings.mode = Mode::Clocks,
                "calibrate" => settings.mode = Mode::Calibrate,
                "eclipse" => settings.mode = Mode::Eclipse,
                "planted" => {
                    (settings.mode, settings.seeds.count) = (Mode::Planted(Vec::new()), 1000);
                }
                "--seed" => settings.seeds.first = options.number()?,
                "--seeds" => settings.seeds.count = options.number::<u64>()?.max(1),
                "--nodes" => settings.nodes = options.at_least(2)?,
                "--degree" => settings.degree = options.number()?,
                "--minutes" => settings.minutes = options.number()?,
                "--posts" => settings.posts = options.number()?,
                "--null" => settings.null = true,
                "--hostile" => settings.hostile = options.number()?,
                "--regions" => settings.seeds.regions = options.number::<usize>()?.clamp(1, 64),
                "--threads" => settings.seeds.threads = options.number::<u64>()?.max(1),
                "--trace" => settings.trace = Some(options.value()?.into()),
                "--html" => settings.html = Some(options.value()?.into()),
                "--no-shrink" => settings.shrink = false,
                bug => match &mut settings.mode {
                    Mode::Planted(bugs) if !bug.starts_with('-') => bugs.push(bug.to_owned()),
                    _ => return options.unexpected(),
                },
            }
        }
        settings.check()
    }

    /// Says what is not possible together.
    fn check(self) -> Result<Self, String> {
        if self.mode == Mode::Clocks && self.minutes < 2 {
            return Err(
                "clocks needs at least --minutes 2: nothing is posted in the last".to_owned()
            );
        }
        if self.seeds.regions > 1 && (self.faults || self.mode != Mode::Scenario) {
            return Err("--regions is for the scenario quiet".to_owned());
        }
        match (&self.trace, &self.html) {
            (Some(_) | None, Some(_)) | (Some(_), None) if self.mode != Mode::Scenario => {
                Err("--trace and --html are for the scenarios faults and quiet".to_owned())?;
            }
            (Some(_), Some(_)) => Err("--trace and --html are not possible together".to_owned())?,
            (None, None) => {}
            _ if self.seeds.count > 1 => {
                Err("--trace and --html need a single seed".to_owned())?;
            }
            _ => {}
        }
        Ok(self)
    }

    /// What to write about the run.
    pub(crate) fn output(&self) -> Output<'_> {
        match (&self.trace, &self.html) {
            (Some(path), _) => Output::Trace(path),
            (None, Some(path)) => Output::Page(path),
            (None, None) => Output::Nothing,
        }
    }

    /// A test that runs a scenario with these settings, as Rust source.
    pub(crate) fn test(&self, scenario: &Scenario) -> String {
        let kind = if self.faults { "faults" } else { "quiet" };
        let Self { degree, posts, hostile, .. } = self;
        let null = if self.null { " --null" } else { "" };
        let mut test = format!("#[test]\nfn seed_{}() {{\n    let scenario = ", scenario.seed);
        for (index, line) in scenario.to_string().lines().enumerate() {
            let _ = write!(test, "{}{line}", if index == 0 { "" } else { "\n    " });
        }
        let _ = write!(
            test,
            ";\n    check(\"{kind} --degree {degree} --posts {posts} --hostile {hostile}{null}\", &scenario);\n}}\n"
        );
        test
    }

    /// The scenario of a seed.
    pub(crate) fn scenario(&self, seed: u64) -> Scenario {
        let time = Duration::from_secs(self.minutes * 60);
        let mix = FaultMix {
            every: Duration::from_secs(5),
            repair: Duration::from_secs(60),
            stops: true,
            moves: false,
            partitions: true,
            clocks: 40.0,
        };
        let nodes = u32::try_from(self.nodes).unwrap_or(u32::MAX);
        let faulty = if self.faults { time.saturating_sub(SETTLE) } else { Duration::ZERO };
        let faults = random_faults(seed, nodes, faulty, &mix);
        Scenario { seed, nodes: self.nodes, time, faults }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Scenario,
            faults: true,
            seeds: Seeds::default(),
            nodes: 20,
            degree: 6,
            minutes: 4,
            posts: 60,
            null: false,
            hostile: 4,
            trace: None,
            html: None,
            shrink: true,
        }
    }
}
