"""System calls that fail once or from some call on, and short writes."""

from __future__ import annotations

import asyncio
import errno
import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.reliability.filesystems import Call, installed
from tests.reliability.next_start import another_process, start_again
from tests.reliability.row import Row, Verdict
from tests.reliability.stages import STAGES, Refusal, Stage, Trial

ERRORS = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EMFILE),
    *(errno.EPERM, errno.EBUSY, errno.EXDEV, errno.ESTALE),
)


async def try_out(stage: Stage, refusal: Refusal) -> tuple[Verdict, list[str]]:
    """Run a stage; return the verdict of the next start and unexpected behavior."""
    with tempfile.TemporaryDirectory() as folder, installed(refusal):
        trial = Trial(Path(folder) / ".aloop" / "sessions", refusal)
        await stage(trial)
        with another_process():
            return await start_again(trial.root, trial.events), trial.unexpected


async def refuse_everywhere(*, full: bool) -> tuple[list[Verdict], list[str]]:
    """Fail each call of each stage, once and permanently; alternate if not ``full``."""
    verdicts, unexpected = [], []
    errors = itertools.cycle(ERRORS)
    for stage in STAGES:
        counting = Refusal()
        await try_out(stage, counting)
        for number, lasting in itertools.product(range(1, counting.count + 1), (False, True)):
            if not full and lasting == bool(number % 2):
                continue
            for error in ERRORS if full else (next(errors),):
                verdict, raw = await try_out(stage, Refusal(number, error, lasting))
                verdicts.append(verdict)
                name = f"{stage.__name__}, call {number}{' and on' if lasting else ''}, {errno.errorcode[error]}"
                unexpected += [f"{name}: {line}" for line in [*raw, *([] if verdict.is_clean else [str(verdict)])]]
    return verdicts, unexpected


def refused_calls(*, full: bool) -> Row:
    verdicts, unexpected = asyncio.run(refuse_everywhere(full=full))
    total = sum(verdicts, Verdict())
    name = f"{', '.join(map(errno.errorcode.__getitem__, ERRORS))} at every call"
    result = f"{total}, {len(unexpected)} unexpected" + "".join(f"<br>{line}" for line in unexpected[:5])
    return Row(name, len(verdicts), result, "0 of everything; reported once, the next save works", not unexpected)


def short_writes(*, full: bool) -> Row:
    """Limit each write to a few bytes."""

    def cut_short(most: int) -> Callable[[Call], Any]:
        def hook(call: Call) -> Any:
            if call.name == "write":
                return call.function(call.arguments[0], call.arguments[1][:most])
            return call.make()

        return hook

    async def under(most: int, stage: Stage) -> Verdict:
        with tempfile.TemporaryDirectory() as folder, installed(cut_short(most)):
            trial = Trial(Path(folder) / ".aloop" / "sessions", Refusal())
            await stage(trial)
            unexpected = Verdict(lost=len(trial.unexpected))
            return unexpected + await start_again(trial.root, trial.events)

    sizes = (1, 7, 100, 4096) if full else (1, 100)
    verdicts = [asyncio.run(under(most, stage)) for most in sizes for stage in STAGES]
    total = sum(verdicts, Verdict())
    return Row("short writes at every call", len(verdicts), str(total), "0 of everything", total.is_clean)
