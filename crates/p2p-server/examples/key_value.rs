//! A key-value store on two nodes. Run it with `cargo run -p p2p-server --example key_value`, its test with `cargo test`.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Mutex, PoisonError};

use p2p_server::mux::{Service, rlp::rlp_list};

enum Request {
    Get { key: String },
    Put { key: String, value: String },
}
rlp_list!(enum Request { 0 => Get { key }, 1 => Put { key, value } });

fn store() -> Service<Request, String> {
    let values = Mutex::new(HashMap::new());
    Service::new("kv", 1, move |_peer, request| {
        let mut values = values.lock().unwrap_or_else(PoisonError::into_inner);
        std::future::ready(match request {
            Request::Get { key } => values.get(&key).cloned().ok_or("no such key"),
            Request::Put { key, value } => Ok(values.insert(key, value).unwrap_or_default()),
        })
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (here, there) = (store(), store());
    let [first, second] = p2p_server::pair(here.protocol(), there.protocol()).await?;
    let remote = here.wait_for_peer(&second.id()).await;
    remote.request(&Request::Put { key: "cat".into(), value: "meow".into() }).await?;
    assert_eq!(remote.request(&Request::Get { key: "cat".into() }).await?, "meow");
    assert!(remote.request(&Request::Get { key: "dog".into() }).await.is_err());
    tokio::join!(first.stop(), second.stop());
    Ok(())
}

#[test]
fn what_was_put_is_found() {
    main().unwrap();
}
