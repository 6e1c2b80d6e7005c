//! The shares of two sub-protocols on a connection that is too slow for both.

use crate::support::{Held, connect_over, handed_out};
use bytes::Bytes;
use p2p_mux::Config;

/// Ratio of the bytes of two slots that always have messages: one with messages of 500 bytes and weight
/// `weight`, and one with messages of 40 kB and weight 1.
async fn ratio(weight: u32, chunk: bool) -> f64 {
    let config = Config { chunk, ..Config::default() };
    let (large, mut large_here) = handed_out("large");
    let (small, mut small_here) = handed_out("small");
    let (other_large, mut large_there) = handed_out("large");
    let (other_small, mut small_there) = handed_out("small");
    let here = [large, small.weight(weight)];
    let _ends = connect_over(16 * 1024, &here, &[other_large, other_small], config).await;
    let mut ends = Vec::new();
    for (held, size) in [(&mut large_here, 40_000), (&mut small_here, 500)] {
        let Held { channel, end } = held.recv().await.unwrap();
        ends.push(end);
        let payload = Bytes::from(vec![0x5a; size]);
        let _sending =
            tokio::spawn(
                async move { while channel.send_raw(0, payload.clone()).await.is_ok() {} },
            );
    }
    let mut large = large_there.recv().await.unwrap();
    let mut small = small_there.recv().await.unwrap();
    let (mut from_large, mut from_small) = (0, 0);
    while from_large + from_small < 20_000_000 {
        tokio::select! {
            message = large.channel.recv() => from_large += message.unwrap().payload.len(),
            message = small.channel.recv() => from_small += message.unwrap().payload.len(),
        }
    }
    f64::from(u32::try_from(from_small).unwrap()) / f64::from(u32::try_from(from_large).unwrap())
}

#[tokio::test(start_paused = true)]
async fn equal_weights_get_equal_bytes_for_any_size_of_messages() {
    for chunk in [true, false] {
        let ratio = ratio(1, chunk).await;
        assert!((0.95..=1.05).contains(&ratio), "{ratio}, chunk/1: {chunk}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_weight_is_a_share_of_the_bytes() {
    for chunk in [true, false] {
        let ratio = ratio(3, chunk).await;
        assert!((2.85..=3.15).contains(&ratio), "{ratio}, chunk/1: {chunk}");
    }
}
