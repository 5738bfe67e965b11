"""The child process that serves one GGUF file over HTTP.

This file is run by its path, isolated and without site-packages. It imports the standard library and the packages in
the folder ``site``.

The first line of standard input is a JSON object ``{"site", "file", "key", "window", "threads", "sampling"}``, where
``sampling`` is an object of xllamacpp's sampling parameters. The answer is one line of JSON: ``{"url", "window",
"takes_tools"}`` when the server is ready, or ``{"error": message}`` if the packages cannot be imported. If ``file`` is
empty, the process only imports the packages and answers ``{}``. It ends when standard input is closed, which the kernel
does when the parent process ends for any reason.
"""

from __future__ import annotations

import http.client
import importlib
import json
import os
import sys
import threading
from typing import Any

_READ_AT_ONCE = 128
"""Tokens of a prompt: one or two seconds on one thread. Larger batches are not faster."""


def main() -> None:
    """Serve until standard input ends."""
    wanted: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    # Started before the model is loaded, because the parent may end during the loading.
    end = threading.Thread(target=_wait_for_the_end, daemon=True)
    end.start()
    sys.path.insert(0, wanted["site"])
    try:
        engine = importlib.import_module("xllamacpp")
    except ImportError as error:
        _say({"error": str(error)})
        return
    if not wanted["file"]:
        _say({})
        return
    server = _serve(engine, wanted)
    _say(_describe(server.listening_address, wanted["key"]))
    end.join()


def _serve(engine: Any, wanted: dict[str, Any]) -> Any:
    """Load the model and return its running server."""
    params = engine.CommonParams()
    params.model.path = wanted["file"]
    params.n_ctx = wanted["window"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = wanted["threads"]
    params.n_parallel = 1
    # Between two batches the server reports progress and notices closed connections.
    params.n_batch = _READ_AT_ONCE
    params.use_jinja = True
    params.offline = True
    params.ui = False
    params.verbosity = 1  # errors only
    for name, value in wanted["sampling"].items():
        setattr(params.sampling, name, value)
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [wanted["key"]]
    # Web pages in a browser must not reach the server, even if they guess its address.
    params.cors_origins = "http://127.0.0.1"
    params.cors_credentials = False
    return engine.Server(params)


def _describe(url: str, key: str) -> dict[str, Any]:
    """Return the answer for the parent, with the properties of the model."""
    connection = http.client.HTTPConnection(url.partition("//")[2])
    connection.request("GET", "/props", headers={"Authorization": f"Bearer {key}"})
    properties = json.loads(connection.getresponse().read())
    window = properties["default_generation_settings"]["n_ctx"]
    return {"url": url, "window": window, "takes_tools": bool(properties["chat_template_caps"]["supports_tools"])}


def _wait_for_the_end() -> None:
    # Not through sys.stdin, whose lock would block the interpreter's exit.
    while os.read(0, 4096):
        pass
    os._exit(0)  # at once, because nothing has to be saved and freeing a model takes time


def _say(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
