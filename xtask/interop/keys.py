"""Keystore files and signatures: eth-keyfile and eth-account on one side, whisper-node on the other.

The argument is the program. Each step is printed; the first difference ends the script with an error.
"""

import json
import os
import subprocess
import sys
import tempfile

import eth_keyfile
from eth_account import Account
from eth_account.messages import encode_defunct

PROGRAM = sys.argv[1]
PASSWORD = "swordfish"
SECRET = bytes.fromhex("7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d")
LIMIT_S = 60


def key(*arguments):
    """Runs `whisper-node key`, and returns what it prints."""
    variables = {**os.environ, "WHISPER_KEY_PASSWORD": PASSWORD}
    done = subprocess.run(
        [PROGRAM, "key", *arguments],
        env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )
    if done.returncode != 0:
        sys.exit(f"whisper-node key {arguments[0]}: {done.stderr}")
    return done.stdout.strip()


def step(what):
    print(f"  {what}")


with tempfile.TemporaryDirectory() as folder:
    path = lambda name: os.path.join(folder, name)

    for kdf, iterations in (("scrypt", 2**12), ("pbkdf2", 1000)):
        keystore = eth_keyfile.create_keyfile_json(SECRET, PASSWORD.encode(), kdf=kdf, iterations=iterations)
        with open(path(f"{kdf}.json"), "w", encoding="utf-8") as file:
            json.dump(keystore, file)
        key("export", path(f"{kdf}.json"), path(f"{kdf}.hex"))
        with open(path(f"{kdf}.hex"), encoding="utf-8") as file:
            assert bytes.fromhex(file.read()) == SECRET, kdf
        step(f"whisper-node opens a keystore file of eth-keyfile with {kdf}")

    key("import", path("scrypt.hex"), path("light.json"), "--lightkdf")
    assert eth_keyfile.extract_key_from_keyfile(path("light.json"), PASSWORD.encode()) == SECRET
    key("new", path("new.json"))
    made = eth_keyfile.extract_key_from_keyfile(path("new.json"), PASSWORD.encode())
    address = Account.from_key(made).address
    assert address.lower() in key("inspect", path("new.json")), address
    step("eth-keyfile opens keystore files of whisper-node, and sees the same address")

    text = "hello \u00fc"
    message = encode_defunct(text=text)
    signature = key("sign", path("light.json"), "--text", text)
    assert Account.recover_message(message, signature=signature) == Account.from_key(SECRET).address
    step("eth-account sees who has signed with whisper-node")

    signed = Account.sign_message(message, SECRET)
    assert signed.signature.hex() == signature, "both sign alike (RFC 6979)"
    key("verify", Account.from_key(SECRET).address, signed.signature.hex(), "--text", text)
    step("whisper-node sees who has signed with eth-account")
