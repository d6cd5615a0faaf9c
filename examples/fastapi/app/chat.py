"""A chat: a page, and a WebSocket by which everybody reads what anybody writes."""

from __future__ import annotations

import contextlib
import os
import pathlib

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import HTMLResponse, PlainTextResponse

PAGE = pathlib.Path(__file__).with_name("chat.html").read_text(encoding="utf-8")


@contextlib.asynccontextmanager
async def lifespan(app):
    """Begin before the first visitor, and end after the last."""
    app.state.visitors = set()
    yield
    app.state.visitors.clear()


app = FastAPI(title="Chat", lifespan=lifespan)


@app.get("/", response_class=HTMLResponse)
async def page():
    """Return the page."""
    return PAGE


@app.get("/healthz", response_class=PlainTextResponse)
async def health():
    """Say that the chat is there; a deploy asks before it leads visitors here."""
    return f"well, release {os.environ.get('RELEASE_ID', 'of a developer')}"


@app.websocket("/live")
async def live(socket: WebSocket):
    """Hand what one visitor writes on to all."""
    await socket.accept()
    app.state.visitors.add(socket)
    try:
        while True:
            text = (await socket.receive_text())[:500]
            for visitor in list(app.state.visitors):
                # One that has gone is told of by its own loop.
                with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                    await visitor.send_text(text)
    except WebSocketDisconnect:
        app.state.visitors.discard(socket)
