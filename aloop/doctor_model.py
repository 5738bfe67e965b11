"""Whether a model on this machine can answer: part of ``aloop doctor``."""

from __future__ import annotations

from aloop.config import Settings
from aloop.doctor import Check, Surroundings, Verdict
from aloop.errors import UsageError
from aloop.local.status import local_status


def check_local_model(around: Surroundings) -> Verdict:
    try:
        status = local_status(Settings.from_env(around.env))
    except UsageError:
        return Verdict("warn", "not looked at: first mend the settings")
    # Nobody has to have it: only one that is there and not right is odd.
    return Verdict("warn" if status.state == "outdated" or status.fault else "ok", status.sentence)


MODEL_CHECKS: tuple[tuple[str, Check], ...] = (("local", check_local_model),)
