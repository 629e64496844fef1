#!/usr/bin/python3
"""Coins of monerod's.

monero.py mine WALLET NODE         makes a wallet, and 120 blocks whose coins are its
monero.py send WALLET NODE NODE    sends a transaction by each node, and waits until the other has it
"""
import json, sys, time, urllib.request


def ask(port, path, body):
    request = urllib.request.Request("http://127.0.0.1:%s%s" % (port, path), json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def call(port, method, **params):
    answer = ask(port, "/json_rpc", {"jsonrpc": "2.0", "id": "0", "method": method, "params": params})
    if "error" in answer:
        sys.exit("%s: %s" % (method, answer["error"]))
    return answer["result"]


def mine(wallet, node):
    call(wallet, "create_wallet", filename="coins", language="English")
    address = call(wallet, "get_address")["address"]
    call(node, "generateblocks", amount_of_blocks=120, wallet_address=address)
    call(wallet, "refresh")
    print(call(wallet, "get_balance"))


def peers(node):
    return [c["address"] for c in call(node, "get_connections").get("connections", [])]


def pool(node):
    return [t["id_hash"] for t in ask(node, "/get_transaction_pool", {}).get("transactions", [])]


def until(what, good):
    for _ in range(180):
        if good():
            return
        time.sleep(1)
    sys.exit("no " + what + " in 180 s")


def send(wallet, *nodes):
    began = time.time()
    for node in nodes:
        until("connection to the other", lambda: any(".b32.i2p" in a for a in peers(node)))
    connected = time.time() - began
    took = []
    address = call(wallet, "get_address")["address"]
    for node, other in (nodes, nodes[::-1]):
        call(wallet, "set_daemon", address="127.0.0.1:" + node, trusted=True)
        began = time.time()
        sent = call(wallet, "transfer", destinations=[{"amount": 10**12, "address": address}])["tx_hash"]
        until("transaction", lambda: sent in pool(other))
        took.append("%.0f s" % (time.time() - began))
    for node in nodes:
        assert all(a.endswith(".b32.i2p:18080") or a == "<unknown i2p host>" for a in peers(node)), peers(node)
    print("connected after %.0f s; the other has it after %s" % (connected, " and ".join(took)))


globals()[sys.argv[1]](*sys.argv[2:])
