"""An application that uses a node through web3.py, over HTTP, WebSocket or IPC. It calls every method of Whisper.

Arguments: `http`, `ws` or `ipc`; the node's address for that transport; the HTTP URL of a second node. It prints each
step, and ends with an error at the first answer that differs from go-ethereum's.
"""

import asyncio
import json
import sys
import time
import warnings

from web3 import Web3
from web3._utils.filters import ShhFilter

# web3 warns that its own method names are deprecated.
warnings.simplefilter("ignore")

STEP_LIMIT_SECONDS = 20
TOPIC = "0xdeadbeef"


class Mailbox:
    """A message filter on a node."""

    def __init__(self, web3, criteria):
        self.web3 = web3
        self.id = web3.geth.shh.new_message_filter(criteria)
        self.filter = ShhFilter(web3, self.id)

    def next(self):
        return until("a message in the filter", self.filter.get_new_entries)[0]

    def is_empty(self):
        return self.filter.get_new_entries() == []

    def end(self):
        assert self.web3.geth.shh.delete_message_filter(self.id) is True


def until(what, ask):
    """Repeats `ask` until its answer is truthy."""
    end = time.monotonic() + STEP_LIMIT_SECONDS
    while time.monotonic() < end:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"timed out after {STEP_LIMIT_SECONDS} s: {what}")


def refused(ask):
    """The code and the message of the error that the node answers."""
    try:
        answer = ask()
    except ValueError as error:
        return error.args[0]["code"], error.args[0]["message"]
    raise AssertionError(f"the node answers {answer} instead of an error")


def same(found, expected):
    assert found == expected, f"{found!r} instead of {expected!r}"


def text(words):
    return "0x" + words.encode().hex()


def post(shh, **fields):
    hash = shh.post({"ttl": 30, "powTarget": 0.25, "powTime": 5, "topic": TOPIC, **fields})
    same((hash[:2], len(hash)), ("0x", 66))
    return hash


def node(near):
    """Versions, settings and addresses of the node."""
    same(near.geth.shh.version(), "6.0")
    same(near.geth.shh.info()["maxMessageSize"], 1024 * 1024)
    assert near.geth.shh.set_max_message_size(1024 * 1024) is True
    assert near.geth.shh.set_min_pow(0.2) is True
    assert near.clientVersion.startswith("WhisperNode/"), near.clientVersion
    same(near.net.version, "1")
    assert near.net.listening is True
    assert near.geth.admin.node_info()["enode"].startswith("enode://")
    assert near.geth.admin.datadir().startswith("/")


def keys(shh):
    """Keys are generated, added, derived, exported and deleted. Returns the ids of a symmetric key and of a key pair."""
    same(shh.get_sym_key(shh.add_sym_key("0x" + "42" * 32)), "0x" + "42" * 32)
    derived = shh.generate_sym_key_from_password("a password")
    assert shh.has_sym_key(derived) is True
    assert shh.delete_sym_key(derived) is True
    assert shh.has_sym_key(derived) is False
    spare = shh.add_private_key("0x" + "11" * 32)
    same(shh.get_private_key(spare), "0x" + "11" * 32)
    assert shh.delete_key_pair(spare) is True
    assert shh.has_key_pair(spare) is False
    return shh.new_sym_key(), shh.new_key_pair()


def symmetric(near, key):
    mailbox = Mailbox(near, {"symKeyID": key, "topics": [TOPIC], "minPow": 0.2})
    hash = post(near.geth.shh, symKeyID=key, payload=text("symmetric"))
    message = mailbox.next()
    same(message["payload"], b"symmetric")
    same((message["topic"].hex(), message["hash"].hex()), (TOPIC, hash))
    same(message["ttl"], 30)
    assert message["pow"] >= 0.2, message
    assert "sig" not in message and "recipientPublicKey" not in message, message
    assert mailbox.is_empty()
    mailbox.end()


def asymmetric(near, pair):
    """A signed and padded message arrives; an unsigned one does not reach a filter that requires a signer."""
    shh = near.geth.shh
    public = shh.get_public_key(pair)
    mailbox = Mailbox(near, {"privateKeyID": pair, "sig": public})
    post(shh, pubKey=public, payload=text("unsigned"))
    post(shh, pubKey=public, sig=pair, payload=text("signed"), padding=text("padding"))
    message = mailbox.next()
    same((message["payload"], message["padding"]), (b"signed", b"padding"))
    same((message["sig"].hex(), message["recipientPublicKey"].hex()), (public, public))
    assert mailbox.is_empty()
    mailbox.end()


def two_nodes(near, far):
    """A broadcast message reaches the other node; a direct message of a trusted peer reaches it without work."""
    there = far.geth.admin.node_info()["enode"]
    here = near.geth.admin.node_info()["enode"]
    assert near.geth.admin.add_peer(there) is True
    until("the other node as a peer", lambda: near.net.peer_count == 1)
    until("this node as its peer", lambda: far.net.peer_count == 1)
    peer = near.geth.admin.peers()[0]
    assert there.split("@")[0] == peer["enode"].split("@")[0], peer
    until("Whisper on the connection", lambda: near.geth.admin.peers()[0]["protocols"]["shh"] != "handshake")
    keys = [web3.geth.shh.generate_sym_key_from_password("shared password") for web3 in (near, far)]
    mailbox = Mailbox(far, {"symKeyID": keys[1], "topics": [TOPIC], "allowP2P": True})
    post(near.geth.shh, symKeyID=keys[0], payload=text("broadcast"))
    same(mailbox.next()["payload"], b"broadcast")

    until("trust", lambda: far.geth.shh.mark_trusted_peer(here))
    direct = {"symKeyID": keys[0], "targetPeer": there, "powTarget": 0.0, "powTime": 0}
    post(near.geth.shh, payload=text("direct"), **direct)
    message = mailbox.next()
    same(message["payload"], b"direct")
    assert message["pow"] < 0.2, message
    stranger = there.replace(there[8:136], "0" * 127 + "1")
    code, _ = refused(lambda: post(near.geth.shh, payload="0x00", **{**direct, "targetPeer": stranger}))
    same(code, -32000)
    mailbox.end()


def mistakes(near, key):
    """Invalid requests get go-ethereum's codes and messages, and the connection stays open."""
    shh = near.geth.shh
    same(refused(lambda: shh.get_sym_key("00" * 32)), (-32000, "non-existent key ID"))
    code, unknown = refused(lambda: shh.get_private_key("00" * 32))
    same((code, unknown[:11], "00" * 32 in unknown), (-32000, "invalid id:", True))
    same(refused(lambda: shh.get_filter_messages("00" * 32)), (-32000, "filter not found"))
    both = (-32000, "specify either a symmetric or an asymmetric key")
    same(refused(lambda: post(shh, payload="0x00")), both)
    low = refused(lambda: post(shh, symKeyID=key, payload="0x00", powTarget=0.0001))
    same(low, (-32000, "message rejected, PoW too low (had 0.0001, needed 0.2)"))
    unknown = refused(lambda: shh.new_message_filter({"symKeyID": key, "topic": TOPIC}))
    same(unknown, (-32602, "invalid argument 0: unknown field 'topic', did you mean 'topics'?"))
    same(refused(lambda: shh.set_min_pow("much"))[0], -32602)
    gone = refused(lambda: near.manager.request_blocking("shh_nonsense", []))
    same(gone, (-32601, "The method shh_nonsense does not exist/is not available"))
    same(shh.version(), "6.0")


def pushed(near, far, key):
    """A subscription. web3.py can make one, but does not read its notifications."""
    provider = near.provider
    subscription = near.geth.shh.subscribe("messages", {"symKeyID": key, "topics": [TOPIC]})
    raw = near.geth.shh.get_sym_key(key)
    post(far.geth.shh, symKeyID=far.geth.shh.add_sym_key(raw), payload=text("pushed"))

    async def read():
        async with provider.conn as connection:
            return await asyncio.wait_for(connection.recv(), STEP_LIMIT_SECONDS)

    notification = json.loads(asyncio.run_coroutine_threadsafe(read(), provider._loop).result())
    same(notification["method"], "shh_subscription")
    same(notification["params"]["subscription"], subscription)
    same(notification["params"]["result"]["payload"], text("pushed"))
    assert near.geth.shh.unsubscribe(subscription) is True
    assert refused(lambda: near.geth.shh.unsubscribe(subscription)) == (-32000, "subscription not found")


def main(transport, at, other):
    providers = {
        "http": Web3.HTTPProvider,
        "ws": Web3.WebsocketProvider,
        "ipc": Web3.IPCProvider,
    }
    near, far = Web3(providers[transport](at)), Web3(Web3.HTTPProvider(other))

    def step(what, do, *arguments):
        result = do(*arguments)
        print(f"  web3.py over {transport}: {what}", flush=True)
        return result

    step("versions, settings and addresses", node, near)
    key, pair = step("keys are generated, added, derived, exported and deleted", keys, near.geth.shh)
    step("a symmetric message reaches its filter", symmetric, near, key)
    step("a signed and padded asymmetric message reaches its filter", asymmetric, near, pair)
    step("messages between two nodes, broadcast and direct", two_nodes, near, far)
    if transport == "ws":
        step("a message is pushed to its subscriber", pushed, near, far, key)
    step("invalid requests are errors, and the connection stays open", mistakes, near, key)


if __name__ == "__main__":
    main(*sys.argv[1:])
