"""A remote control for the public Python client: python agent.py CONTROL_URL.

The Go test sends one operation at a time over a WebSocket; this file performs it with clasp-to and reports whatever the
client's callbacks receive. It decides nothing and checks nothing: every expectation stands in the Go test.
"""

import asyncio
import json
import math
import sys

import websockets
from clasp import Clasp


# JSON has no bytes and no NaN: both sides write them as the protocol's test vectors do.
def to_json(value):
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    return value


def from_json(value):
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if isinstance(value, dict):
        if "$bytes" in value:
            return bytes.fromhex(value["$bytes"])
        if "$float" in value:
            return float(value["$float"])
        return {key: from_json(item) for key, item in value.items()}
    return value


class Agent:
    """One method an operation; the arguments are the operation's fields."""

    def __init__(self, push):
        self.push = push
        self.clients = {}
        self.unsubscribers = {}

    async def open(self, client, url, reconnect=0, token=None):
        clasp = Clasp(url, name=client, token=token, reconnect=reconnect > 0, reconnect_interval=reconnect / 1000)
        clasp.on_connect(lambda: self.push({"event": "connect", "client": client}))
        clasp.on_disconnect(lambda reason: self.push({"event": "disconnect", "client": client}))
        clasp.on_error(lambda error: self.push({"event": "error", "client": client, "error": repr(error)}))
        self.clients[client] = clasp
        await clasp.connect()
        return clasp.session_id

    async def close(self, client):
        await self.clients[client].close()

    async def subscribe(self, client, sub, pattern, options=None):
        def receive(value, address):
            self.push({"event": "value", "client": client, "sub": sub, "address": address, "value": to_json(value)})

        self.unsubscribers[client, sub] = self.clients[client].subscribe(pattern, receive, **(options or {}))
        await asyncio.sleep(0)  # the client only sends it from a task of its own

    async def unsubscribe(self, client, sub):
        self.unsubscribers.pop((client, sub))()
        await asyncio.sleep(0)

    async def set(self, client, address, value, **options):
        await self.clients[client].set(address, from_json(value), **options)

    async def get(self, client, address):
        return to_json(await self.clients[client].get(address))

    async def cached(self, client, address):
        return to_json(self.clients[client].cached(address))

    async def emit(self, client, address, value=None):
        await self.clients[client].emit(address, from_json(value))

    async def stream(self, client, address, value):
        await self.clients[client].stream(address, from_json(value))

    async def gesture(self, client, address, gesture, phase, value=None):
        await self.clients[client].gesture(address, gesture, phase, from_json(value))

    async def bundle(self, client, messages, delay=None):
        at = None if delay is None else self.clients[client].time() + delay
        await self.clients[client].bundle(from_json(messages), at=at)
        return at

    async def query(self, client, pattern):
        return await self.clients[client].query_signals(pattern)


async def main(control_url):
    async with websockets.connect(control_url) as control:
        reports = asyncio.Queue()
        agent = Agent(reports.put_nowait)

        async def report():
            while True:
                text = json.dumps(await reports.get(), ensure_ascii=False, separators=(",", ":"))
                await control.send(text)

        reporter = asyncio.create_task(report())
        async for text in control:
            request = json.loads(text)
            number, operation = request.pop("id"), request.pop("op")
            try:
                reports.put_nowait({"id": number, "result": await getattr(agent, operation)(**request)})
            except Exception as error:  # whatever it was, the test must hear of it
                reports.put_nowait({"id": number, "error": repr(error)})
        reporter.cancel()


asyncio.run(main(sys.argv[1]))
