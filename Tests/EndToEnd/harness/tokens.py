"""Valid and invalid tokens, made by a library that is independent of Jackfield."""

import time

import jwt

SECRET = "the-secret-of-the-end-to-end-tests"


def token(user="alice", *, secret=SECRET, algorithm="HS256", expires_in=3600, **claims):
    """A signed token. A claim of None is left out."""
    now = time.time()
    payload = {"sub": user, "iat": int(now), "exp": now + expires_in, **claims}
    return jwt.encode(
        {name: value for name, value in payload.items() if value is not None}, secret, algorithm=algorithm
    )


def unsigned(user="alice"):
    """An unsigned token, `alg: none`, which many JWT libraries once accepted."""
    return jwt.encode({"sub": user, "exp": int(time.time()) + 3600}, None, algorithm="none")
