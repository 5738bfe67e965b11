"""The child process of the local model: it serves one GGUF file over HTTP, and ends when its standard input does.

This file is run by its path, isolated and without site-packages: it imports the standard library, and from the folder
that it is given the packages that were fetched.

The first line of standard input is a JSON object: ``{"site", "file", "key", "window", "threads", "sampling"}``.
The last is an object itself, of settings by xllamacpp's names. One line of JSON answers it: ``{"url", "window",
"takes_tools"}`` once questions can be asked, or ``{"error": sentence}`` when the packages do not load; without a file,
that is all that is tried. The other end keeps standard input open for as long as it lives: whichever way it dies, the
kernel closes that, and this ends.
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
"""Tokens of a question; on one thread a second or two, and no slower than more at once."""


def main() -> None:
    """Serve until standard input ends."""
    wanted: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    # In a thread, and before the model is loaded: that can take a while, and the parent may not live that long.
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
    """Load the model and return its server, which answers from then on."""
    params = engine.CommonParams()
    params.model.path = wanted["file"]
    params.n_ctx = wanted["window"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = wanted["threads"]
    params.n_parallel = 1
    # Between two of them it tells how far it is, and hears that nobody wants the answer any more.
    params.n_batch = _READ_AT_ONCE
    params.use_jinja = True
    params.offline = True
    params.ui = False
    params.verbosity = 1  # errors alone
    for name, value in wanted["sampling"].items():
        setattr(params.sampling, name, value)
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [wanted["key"]]
    # No page in a browser may speak to it, whatever address it guesses.
    params.cors_origins = "http://127.0.0.1"
    params.cors_credentials = False
    return engine.Server(params)


def _describe(url: str, key: str) -> dict[str, Any]:
    """Return where the server is and what it says of its model."""
    connection = http.client.HTTPConnection(url.partition("//")[2])
    connection.request("GET", "/props", headers={"Authorization": f"Bearer {key}"})
    said = json.loads(connection.getresponse().read())
    window = said["default_generation_settings"]["n_ctx"]
    return {"url": url, "window": window, "takes_tools": bool(said["chat_template_caps"]["supports_tools"])}


def _wait_for_the_end() -> None:
    # Past Python's own buffer, which could not be let go of when the interpreter ends.
    while os.read(0, 4096):
        pass
    os._exit(0)  # at once: there is nothing to be saved, and a model is large


def _say(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
