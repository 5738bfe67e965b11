"""Whether what is installed is still what was fetched, by the records that pip and uv leave beside it."""

from __future__ import annotations

import base64
import csv
import hashlib
from pathlib import Path


def find_damage(site: Path, *, thorough: bool = False) -> Path | None:
    """Return a file in ``site`` that is gone or of another size, ``thorough`` also of other bytes; None: all is whole.

    Only the thorough look reads the files, all of them: half a second.
    """
    for record in sorted(site.glob("*.dist-info/RECORD")):
        try:
            with record.open(encoding="utf-8", newline="") as text:
                rows = [(name, digest, int(size)) for name, digest, size in csv.reader(text) if digest and size]
        except (OSError, ValueError, csv.Error):
            return record
        for name, digest, size in rows:
            if not _is_whole(site / name, digest, size, thorough=thorough):
                return site / name
    return None


def _is_whole(path: Path, digest: str, size: int, *, thorough: bool) -> bool:
    method, _, expected = digest.partition("=")
    try:
        if path.stat().st_size != size:
            return False
        if not thorough or method != "sha256":
            return True
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return False
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode() == expected
