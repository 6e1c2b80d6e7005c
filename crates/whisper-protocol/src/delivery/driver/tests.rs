use whisper_envelope::{SymmetricKey, Topic};

use super::*;
use crate::{
    config::{Config, QueueLimits, QueueSettings},
    delivery::filter::{FilterKey, FilterSpec},
    delivery::mailbox::Mailbox,
    keys::Keys,
    relay::relays::Relays,
    relay::testing::envelope,
    stats::counters::Counters,
};

fn driver() -> Arc<DeliveryDriver> {
    let limits = QueueLimits { items: 1, bytes: usize::MAX };
    let queues = QueueSettings { broadcast: limits, direct: limits };
    let config = Config { queues, ..Config::default() };
    let delivery = Delivery::new(&config, Arc::new(Counters::default()));
    Arc::new(DeliveryDriver::new(delivery, config.clock()))
}

fn pool() -> Arc<dyn PoolReader> {
    Arc::new(Relays::new(&Config::default(), &p2p_world::HashState::default()))
}

fn insert_filter(driver: &DeliveryDriver) {
    let keys = Keys::new(&mut rand::rng());
    let key = FilterKey::Symmetric(keys.add_symmetric(SymmetricKey::random(&mut rand::rng())));
    let spec = FilterSpec::new(key).topic(Topic(*b"test"));
    let mailbox = Mailbox::new(QueueLimits { items: 1, bytes: usize::MAX });
    let id = FilterId::random(&mut p2p_world::rng());
    driver.insert(id, &Arc::new(Filter::new(spec, &keys, mailbox).unwrap()), true);
}

#[tokio::test(start_paused = true)]
async fn room_is_waited_for_until_a_worker_takes_an_envelope() {
    let driver = driver();
    insert_filter(&driver);
    let second = Duration::from_secs(1);
    driver.offer_new(Source::Own, &[(&envelope(1), Work::ZERO)]);
    let begin = Instant::now();
    driver.wait_for_room(Source::Own, begin + second).await;
    assert_eq!(begin.elapsed(), second, "there is no room, and no worker");
    let worker = tokio::spawn(Arc::clone(&driver).run(pool()));
    let begin = Instant::now();
    driver.wait_for_room(Source::Own, begin + second).await;
    assert_eq!(begin.elapsed(), Duration::ZERO);
    driver.close();
    worker.await.unwrap();
}

#[tokio::test]
async fn closing_ends_every_worker() {
    let driver = driver();
    let workers = [(); 3].map(|()| tokio::spawn(Arc::clone(&driver).run(pool())));
    tokio::task::yield_now().await;
    driver.close();
    for worker in workers {
        worker.await.unwrap();
    }
}
