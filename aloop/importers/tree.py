"""Conversations stored as trees: the current path and the other leaves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Branch:
    """The IDs from the root to a leaf; ``fork`` is the first that the main path lacks."""

    ids: tuple[str, ...]
    fork: str = ""


def paths(parents: dict[str, str], current: str = "") -> list[Branch]:
    """Return the path to ``current``, then those to all other leaves.

    ``parents`` are in the order of the source; a parent that is not among them is a root. Without a current leaf, the
    last one counts.
    """
    if not parents:
        return []
    inner = set(parents.values())
    leaves = [each for each in parents if each not in inner] or [next(reversed(parents))]
    main = current if current in parents else leaves[-1]
    main_path = _path(parents, main)
    used = set(main_path)
    branches = [Branch(tuple(main_path))]
    for leaf in leaves:
        if leaf not in used:
            path = _path(parents, leaf)
            branches.append(Branch(tuple(path), next((each for each in path if each not in used), leaf)))
    return branches


def _path(parents: dict[str, str], leaf: str) -> list[str]:
    path, seen = [], set[str]()
    while leaf in parents and leaf not in seen:
        seen.add(leaf)
        path.append(leaf)
        leaf = parents[leaf]
    return path[::-1]
