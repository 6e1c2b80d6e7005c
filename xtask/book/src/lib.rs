//! The programs of the book. `cargo test --doc` compiles and runs them.

macro_rules! pages {
    ($($name:ident $path:literal),+ $(,)?) => {
        $(
            #[cfg(doctest)]
            #[doc = include_str!(concat!("../../../docs/book/src/", $path))]
            mod $name {}
        )+

        /// The pages with their paths, for the test that none is missing.
        #[cfg(test)]
        const PAGES: &[&str] = &[$($path),+];
    };
}

pages! {
    five_minutes "five-minutes.md",
    first_protocol "first-protocol.md",
    testing "testing.md",
    publish_subscribe "publish-subscribe.md",
    topics_and_keys "topics-and-keys.md",
    work_and_limits "work-and-limits.md",
    history "history.md",
    private_network "private-network.md",
    configuration "configuration.md",
    teams "teams.md",
    keys "keys.md",
    install "install.md",
    metrics "metrics.md",
    runbook "runbook.md",
    security "security.md",
    wire "wire.md",
    from_geth "from-geth.md",
    from_libp2p "from-libp2p.md",
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::PAGES;

    #[test]
    fn no_page_is_missing() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/book/src");
        let files = fs::read_dir(folder).unwrap();
        let mut pages: Vec<String> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".md") && name != "SUMMARY.md")
            .collect();
        pages.sort();
        let mut listed = PAGES.to_vec();
        listed.sort_unstable();
        assert_eq!(pages, listed);
    }
}
