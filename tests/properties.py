"""The number of examples of tests with generated data."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

_QUICK, _ALL = 25, 100


def load_profile(*, is_quick: bool) -> None:
    """Set the number of examples; must be called before the tests are imported.

    No deadlines, because the machine may be busy; no database of examples, because tests leave no files.
    """
    settings.register_profile(
        "aloop",
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
        max_examples=_QUICK if is_quick else _ALL,
    )
    settings.load_profile("aloop")


def scaled(examples: int) -> int:
    """Return a quarter of ``examples``, or all with ``pytest -m slow``."""
    return examples * settings().max_examples // _ALL
