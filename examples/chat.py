"""A chat over HTTP, with Python's standard library. Usage: python3 chat.py CHANNEL PASSWORD NAME [URL]"""

import json
import queue
import sys
import threading
import urllib.request

if len(sys.argv) < 4:
    sys.exit(__doc__)
channel, password, name = sys.argv[1:4]
url = sys.argv[4] if len(sys.argv) > 4 else "http://127.0.0.1:8545"


def call(method, *params):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        answer = json.load(urllib.request.urlopen(request))
    except OSError as error:
        sys.exit(f"{url}: {error}")
    return answer["result"] if "result" in answer else sys.exit(answer["error"]["message"])


def read_lines():
    for line in sys.stdin:
        typed.put(line.strip())
    typed.put(None)  # the end of the input


key = call("shh_generateSymKeyFromPassword", password)
topic = call("web3_sha3", "0x" + channel.encode().hex())[:10]
mailbox = call("shh_newMessageFilter", {"symKeyID": key, "topics": [topic]})
message = {"symKeyID": key, "topic": topic, "ttl": 60, "powTarget": 0.2, "powTime": 5}
print(f"joined {channel}, type a message", flush=True)

typed = queue.Queue()
threading.Thread(target=read_lines, daemon=True).start()
while True:
    for received in call("shh_getFilterMessages", mailbox):
        text = bytes.fromhex(received["payload"][2:]).decode(errors="replace")
        # Control characters of a sender could control the terminal.
        print("".join(filter(str.isprintable, text)), flush=True)
    try:
        line = typed.get(timeout=0.3)
    except queue.Empty:
        continue
    if line is None:
        break  # Ctrl-D
    call("shh_post", {**message, "payload": "0x" + f"{name}: {line}".encode().hex()})
call("shh_deleteMessageFilter", mailbox)
