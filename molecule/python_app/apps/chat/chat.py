"""An ASGI application without any dependency: lifespan, a WebSocket, a stream of events, and
what it is told of a request.
"""

import asyncio
import json

STARTED = []


async def application(scope, receive, send):
    """Answer as the path says."""
    if scope["type"] == "lifespan":
        await receive()
        STARTED.append(True)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send(
                {
                    "type": "websocket.send",
                    "text": f"{message['text']} from {scope['client'][0]} by {scope['scheme']}",
                }
            )
    elif scope["path"].endswith("/events"):
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"text/event-stream")],
            }
        )
        for number in range(3):
            await send(
                {
                    "type": "http.response.body",
                    "body": f"data: {number}\n\n".encode(),
                    "more_body": True,
                }
            )
            await asyncio.sleep(0.5)
        await send({"type": "http.response.body"})
    elif scope["path"].endswith("/deaf"):
        await send({"type": "http.response.start", "status": 403, "headers": []})
        await send({"type": "http.response.body"})
    else:
        length, more = 0, True
        while more:
            message = await receive()
            length, more = length + len(message.get("body", b"")), message.get("more_body")
        told = {key: scope[key] for key in ("path", "root_path", "scheme")}
        told |= {
            "started": STARTED,
            "raw_path": scope["raw_path"].decode(),
            "client": scope["client"][0],
            "length": length,
        }
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"application/json")],
            }
        )
        await send({"type": "http.response.body", "body": json.dumps(told).encode()})
