"""The same notifications with python-socketio and sqlite3: stored first, emitted second, one uvicorn worker on
uvloop.

usage: [SECRET=..] [LIFE=900] python peer_python.py PORT

Each push is a transaction of its own in a thread, as in typical code for this framework; WAL and synchronous=FULL
as in the other programs.
"""

import asyncio
import concurrent.futures
import json
import os
import signal
import sqlite3
import sys
import time
import uuid
from datetime import UTC, datetime

import jwt
import socketio
import uvicorn

PORT = int(sys.argv[1])
SECRET = os.environ.get("SECRET", "bench-secret-bench-secret-bench-01")
signal.alarm(int(os.environ.get("LIFE", "900")))

sio = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins=None)
store = concurrent.futures.ThreadPoolExecutor(1)
online = {}


def open_store():
    database = sqlite3.connect("notifications.db", check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.executescript("""
        CREATE TABLE IF NOT EXISTS notification (
            user_id TEXT NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, title TEXT NOT NULL, body TEXT, data TEXT,
            created_at INTEGER NOT NULL, seen_at INTEGER, read_at INTEGER, PRIMARY KEY (user_id, id)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS unread_notification ON notification (user_id, id) WHERE read_at IS NULL;
        CREATE TABLE IF NOT EXISTS unread (user_id TEXT PRIMARY KEY NOT NULL, count INTEGER NOT NULL)
            STRICT, WITHOUT ROWID;
    """)
    return database


database = open_store()


def insert(row, created_at):
    """Returns the number of unread notifications."""
    with database:
        database.execute(
            "INSERT INTO notification (id, user_id, type, title, body, data, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (row["id"], row["user_id"], row["type"], row["title"], row["body"], json.dumps(row["data"]), created_at),
        )
        return database.execute(
            "INSERT INTO unread (user_id, count) VALUES (?1, ?2) ON CONFLICT (user_id) DO UPDATE SET count = count + ?2"
            " RETURNING count",
            (row["user_id"], 1),
        ).fetchone()[0]


def claims(token):
    return jwt.decode(token, SECRET, algorithms=["HS256"], options={"require": ["exp"]})


@sio.event
async def connect(sid, environ, auth):
    try:
        user = claims(auth["token"])["sub"]
    except Exception:
        raise ConnectionRefusedError("unauthorized") from None
    await sio.save_session(sid, user)
    await sio.enter_room(sid, f"user:{user}")
    online[user] = online.get(user, 0) + 1


@sio.event
async def disconnect(sid, *reason):
    user = await sio.get_session(sid)
    online[user] -= 1


async def push(scope, receive, send):
    headers = dict(scope["headers"])
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    try:
        scopes = claims(headers[b"authorization"].decode().removeprefix("Bearer ")).get("scope", "").split()
    except Exception:
        return await answer(send, 401, {})
    if "notifications:write" not in scopes:
        return await answer(send, 403, {})
    wanted = json.loads(body)
    now = datetime.now(UTC)
    row = {
        "id": f"{time.time_ns():020x}{uuid.uuid4().hex[:12]}",
        "user_id": wanted["user_id"],
        "type": wanted["type"],
        "title": wanted["title"],
        "body": wanted.get("body"),
        "data": wanted.get("data"),
        "created_at": now.isoformat(),
        "seen_at": None,
        "read_at": None,
    }
    unread = await asyncio.get_running_loop().run_in_executor(store, insert, row, int(now.timestamp() * 1000))
    delivered = online.get(row["user_id"], 0) > 0
    if delivered:
        await sio.emit("notification:new", row, to=f"user:{row['user_id']}")
        await sio.emit("notification:count", unread, to=f"user:{row['user_id']}")
    await answer(send, 201, {**row, "delivered": delivered})


async def answer(send, status, content):
    body = json.dumps(content).encode()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def routes(scope, receive, send):
    if scope["type"] == "http" and scope["path"] == "/v1/notifications" and scope["method"] == "POST":
        await push(scope, receive, send)
    elif scope["type"] == "http":
        await answer(send, 404, {})


app = socketio.ASGIApp(sio, other_asgi_app=routes)
if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=PORT,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        log_level="warning",
        access_log=False,
        backlog=8192,
        lifespan="off",
    )
