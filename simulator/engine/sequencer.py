"""Walks the program and hands commands to queues, in order, as far as there is room."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence

from simulator.engine.code import LoopCode
from simulator.engine.ledger import Ledger
from simulator.engine.queue import CommandQueue
from simulator.engine.timeline import SEQUENCER, Timeline

NEVER = 2**63
PROGRESS_COMMANDS = 2000
"""Commands between two reports of progress."""


class Frame:
    """A loop being executed: where it is, and when to look for repeats.

    index: of the item after the last one handed out; iteration: from 0.
    watch_from, watch_to: iterations whose ends are reported; from the last but one on, no
        whole repeat is left to skip.
    ended: an iteration has ended since the observer last looked.
    first_account: accounts opened before the loop.
    """

    __slots__ = ("code", "ended", "first_account", "index", "iteration", "watch_from", "watch_to")

    def __init__(self, code: LoopCode, watch_from: int, first_account: int) -> None:
        self.code = code
        self.index = 0
        self.iteration = 0
        self.watch_from = watch_from
        self.watch_to = code.count - 1
        self.ended = False
        self.first_account = first_account


class Sequencer:
    """A process; issuing takes no time, a full queue holds up all others.

    on_enter: called with each frame entered; on_iteration: called when an
    iteration of a watched frame has ended and another one follows.
    """

    def __init__(
        self,
        root: LoopCode,
        queues: Sequence[CommandQueue],
        ledger: Ledger,
        timeline: Timeline,
        progress: Callable[[float], None] | None,
    ) -> None:
        self.ledger = ledger
        self.queues = queues
        self.frames: list[Frame] = []
        self.on_enter: Callable[[Frame], None] | None = None
        self.on_iteration: Callable[[Frame], None] | None = None
        self.issued = 0
        self.wakes = 0
        self.blocked_on: CommandQueue | None = None
        self._total = root.commands
        self._progress = progress
        self._report_at = PROGRESS_COMMANDS if progress else NEVER
        self._enter(root)
        timeline.enrol(SEQUENCER, self._run().__next__)
        timeline.wake(SEQUENCER, 0)

    @property
    def finished(self) -> bool:
        """Everything has been issued."""
        return not self.frames

    def position(self, level: int) -> Hashable:
        """Where it is inside the loop at `level` of the frames."""
        inner = [(frame.code, frame.index, frame.iteration) for frame in self.frames[level + 1 :]]
        return self.frames[level].index, *inner

    def skip_iterations(self, level: int, iterations: int) -> None:
        """Go on as if that many iterations of the loop at `level` had been issued."""
        frame = self.frames[level]
        frame.iteration += iterations
        if frame.code.instances:
            self.ledger.instance += iterations
        self.issued += iterations * frame.code.commands

    def _run(self) -> Iterator[None]:
        present, queues, frames = self.ledger.present, self.queues, self.frames
        while frames:
            frame = frames[-1]
            body, index = frame.code.body, frame.index
            size = len(body)
            while index < size:
                item = body[index]
                frame.index = index = index + 1
                if isinstance(item, LoopCode):
                    self._enter(item)
                    break
                queue = queues[item.queue]
                if len(queue.waiting) >= queue.depth:
                    queue.blocks = True
                    self.blocked_on = queue
                    yield
                    self.blocked_on = None
                    self.wakes += 1
                account = present[item.operator] or self.ledger.open(item.operator)
                account.executions[item.index] += 1
                self.issued += 1
                queue.push((item, account))
            else:
                self._end_iteration(frame)
        yield  # for ever

    def _enter(self, code: LoopCode) -> None:
        frame = Frame(code, NEVER, len(self.ledger.accounts))
        self.frames.append(frame)
        if code.instances:
            self.ledger.turn_to(code.first_instance, code.ahead)
        if self.on_enter is not None:
            self.on_enter(frame)

    def _end_iteration(self, frame: Frame) -> None:
        if self.issued >= self._report_at and self._progress is not None:
            self._report_at = self.issued + PROGRESS_COMMANDS
            self._progress(self.issued / self._total)
        frame.iteration += 1
        if frame.iteration == frame.code.count:
            self.frames.pop()
            if frame.code.instances:
                self.ledger.turn_to(0)
            return
        frame.index = 0
        if frame.code.instances:
            self.ledger.turn_to(frame.code.first_instance + frame.iteration, frame.code.ahead)
        if frame.watch_from <= frame.iteration < frame.watch_to and self.on_iteration is not None:
            frame.ended = True
            self.on_iteration(frame)
