"""Messages derived from the output of pip, uv and llama.cpp."""

from __future__ import annotations

import pytest

from aloop.local_model.diagnostics import explain_end, explain_fetch, explain_load

_LOG = """\
0.00.053.836 E gguf_init_from_reader: failed to read key-value pairs
0.00.060.970 E llama_model_load: error loading model: llama_model_loader: failed to load model from cut.gguf
"""


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            "WARNING: Retrying after NameResolutionError\nERROR: No matching distribution found for x",
            "could not be reached",
        ),
        ("error: Failed to fetch: `https://…`\n  Caused by: error sending request for url", "could not be reached"),
        (
            "WARNING: Retrying after SSLError(CertificateError(…))\nERROR: No matching distribution found for x",
            "PIP_CERT",
        ),
        ("error: error sending request\n  Caused by: invalid peer certificate: UnknownIssuer", "SSL_CERT_FILE"),
        ("WARNING: … is not a trusted or secure host …\nERROR: No matching distribution found for x", "PIP_CERT"),
        (
            "ERROR: HTTP error 403 while getting x\nERROR: 403 Client Error: Forbidden for url: x",
            "requires a user name",
        ),
        ("error: Hash mismatch for `xllamacpp==1`", "does not have the expected SHA-256 hash"),
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("  × No solution found when resolving dependencies:", "no build of the local model for this system"),
        ("", "could not be installed: the installer printed no reason"),
        ("Collecting x\nERROR: It broke.\n\nnotice: a new pip\n", "could not be installed: It broke."),
    ],
)
def test_explain_fetch_is_one_line(output: str, message: str) -> None:
    line = explain_fetch(output)
    assert message in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("libgomp.so.1: cannot open shared object file: No such file or directory", "apt-get install libgomp1"),
        ("libstdc++.so.6: cannot open shared object file", "apt-get install libstdc++6"),
        ("dlopen(x.so): incompatible\n  architecture", "cannot be loaded (dlopen(x.so): incompatible architecture)"),
    ],
)
def test_explain_load_gives_the_reason(reason: str, message: str) -> None:
    assert message in explain_load(reason)


@pytest.mark.parametrize(
    ("log", "code", "message"),
    [
        (_LOG, 1, "failed to read key-value pairs"),
        (_LOG, -9, "it was killed, perhaps because memory ran out"),
        ("", -11, "signal 11"),
        ("", 3, "exit code 3"),
    ],
)
def test_explain_end_gives_the_reason(log: str, code: int, message: str) -> None:
    assert explain_end(log, code) == message
