//! Proof of work with a deadline: how long it will take on this machine, the best work within a time, and a search that is
//! cancelled.
//!
//! `cargo run --release -p whisper-pow --example deadline`

use std::{error::Error, time::Duration};

use whisper_envelope::{Topic, Unsealed};
use whisper_pow::{Meter, Miner, Rule, SealError, SealJob, Target, Task, Work};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let miner = Miner::new();
    let unsealed = Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), &[7; 280]);
    let task = || Task::new(Rule::EIP_627, &unsealed);

    // The best that 50 ms give. The meter shows the speed of this machine.
    let (meter, limit) = (Meter::new(), Duration::from_millis(50));
    let best = miner.seal_job(SealJob::new(task()?, Target::Best, limit).meter(&meter)).await?;
    println!("work of {} in {limit:?}, {:.1e} nonces a second", best.work, meter.progress().rate);

    // More than can be reached in the time is an error that says how near it came.
    let asked = Work::new(1e9).ok_or("not an amount of work")?;
    match miner.seal_job(SealJob::new(task()?, Target::AtLeast(asked), limit)).await {
        Err(SealError::OutOfTime { best, hashes }) => {
            println!("only {best} of {asked} after {hashes} nonces");
        }
        other => return Err(format!("not the end of the time: {other:?}").into()),
    }

    // Dropping the future cancels the search. Here a message to send is withdrawn after 10 ms.
    let search =
        miner.seal_job(SealJob::new(task()?, Target::AtLeast(asked), Duration::from_secs(3600)));
    let withdrawn = tokio::time::timeout(Duration::from_millis(10), search).await;
    assert!(withdrawn.is_err(), "nothing was cancelled");
    println!("withdrawn after 10 ms");
    Ok(())
}

#[test]
fn the_deadline_ends_the_search() {
    main().unwrap();
}
