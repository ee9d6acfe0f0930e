"""Makes what the benchmarks need: the C programs, the C plugins, and the peers that Debian and PyPI provide."""

import shutil
import subprocess
import sys
from pathlib import Path

from harness.paths import BENCHMARKS, BUILT, RELEASE, ROOT

PYTHON_PEER = [
    "python-socketio>=5.11,<6",
    "uvicorn>=0.30,<1",
    "uvloop>=0.19,<1",
    "httptools>=0.6,<1",
    "websockets>=13,<16",
    "PyJWT>=2.8,<3",
]
NCHAN_PACKAGES = ["nginx", "libnginx-mod-nchan"]


def _run(words, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(map(str, words))} failed:\n{done.stderr or done.stdout}")
    return done.stdout


def _newer(target, *sources):
    return target.exists() and all(target.stat().st_mtime >= source.stat().st_mtime for source in sources)


def program(source, *libraries):
    """The C program at Benchmarks/`source`, compiled for this processor, so that the bare server is as fast
    as it can be."""
    source = BENCHMARKS / source
    target = BUILT / source.stem
    if not _newer(target, source, BENCHMARKS / "load" / "hashes.h"):
        BUILT.mkdir(parents=True, exist_ok=True)
        _run(
            [
                "cc",
                "-std=gnu11",
                "-O3",
                "-march=native",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-o",
                target,
                source,
                *libraries,
            ]
        )
    return target


def plugin(source, name, *definitions):
    """The C plugin at Benchmarks/plugins/`source`, with the options that a plugin author would use."""
    source = BENCHMARKS / "plugins" / source
    target = BUILT / f"{name}.so"
    if not _newer(target, source, ROOT / "include" / "jackfield" / "jackfield.h"):
        BUILT.mkdir(parents=True, exist_ok=True)
        _run(
            [
                "cc",
                "-std=c11",
                "-O2",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-shared",
                "-fPIC",
                *definitions,
                "-I",
                ROOT / "include",
                "-o",
                target,
                source,
            ]
        )
    return target


def bench_plugins():
    """The folder with the plugins of the micro-benchmarks: the application in both forms, bench-inline.so and
    bench-strand.so, bench-functions.so and bench-calls.so."""
    plugin("bench.c", "bench-inline", "-DBENCH_RUN=JF_RUN_INLINE")
    plugin("functions.c", "bench-functions")
    plugin("calls.c", "bench-calls")
    return plugin("bench.c", "bench-strand").parent


def allocation_counter():
    """The library that counts a process's allocations when preloaded; see Benchmarks/Allocations."""
    folder = BENCHMARKS / "Allocations"
    source, target = folder / "allocations.c", BUILT / "allocations.so"
    if not _newer(target, source):
        BUILT.mkdir(parents=True, exist_ok=True)
        _run(
            [
                "cc",
                "-std=gnu11",
                "-O2",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-shared",
                "-fPIC",
                "-I",
                folder / "include",
                "-o",
                target,
                source,
            ]
        )
    return target


def swift_product(name):
    """A product of the package, built for release."""
    done = subprocess.run(
        ["swift", "build", "-c", "release", "--product", name], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode != 0:
        sys.exit(f"bench: swift build --product {name} failed:\n{done.stdout}{done.stderr}")
    return next(path for path in (RELEASE / name, RELEASE / f"lib{name}.so") if path.exists())


def python_peer():
    """An interpreter with python-socketio and its fastest server, in an environment of its own; None if
    PyPI cannot provide them."""
    environment = BUILT / "venv"
    mark = environment / "installed"
    if not mark.exists() or mark.read_text() != "\n".join(PYTHON_PEER):
        for words in (
            [sys.executable, "-m", "venv", environment],
            [environment / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *PYTHON_PEER],
        ):
            done = subprocess.run(words, capture_output=True, text=True)
            if done.returncode != 0:
                print(f"bench: without python-socketio: {done.stderr.strip()[-500:]}", file=sys.stderr)
                return None
        mark.write_text("\n".join(PYTHON_PEER))
    return environment / "bin" / "python"


def nchan():
    """(nginx, folder of its modules). Unpacked and not installed: installing Debian's nginx starts it on port 80 of
    every address. None if apt cannot provide it."""
    folder = BUILT / "nchan"
    binary, modules = folder / "usr/sbin/nginx", folder / "usr/lib/nginx/modules"
    if not (binary.exists() and (modules / "ngx_nchan_module.so").exists()):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            subprocess.run(
                ["apt-get", "download", *NCHAN_PACKAGES], cwd=folder, capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError) as problem:
            print(f"bench: without nchan: {getattr(problem, 'stderr', problem)}", file=sys.stderr)
            return None
        for package in folder.glob("*.deb"):
            _run(["dpkg", "-x", package, folder])
    return binary, modules


def node_modules():
    """Where Debian's node-ws is, or None if it is not installed."""
    return Path("/usr/share/nodejs") if Path("/usr/share/nodejs/ws").exists() and shutil.which("node") else None
