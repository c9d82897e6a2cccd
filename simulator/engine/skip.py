"""Exact skipping: when a loop's whole state repeats, go ahead by arithmetic.

At the end of a timestamp in which an iteration of a watched loop ended, the
observer takes the state of the machine relative to now. It only looks: the events
are the same with and without it. If the same state was seen `p` iterations
earlier, what happened in between will happen again and again until the loop runs
out of iterations, so whole periods are added at once (`jump`); the rest of the
loop is simulated as usual.
"""

from __future__ import annotations

from collections.abc import Hashable

from simulator.engine.code import LoopCode
from simulator.engine.jump import Jump, find_jump
from simulator.engine.moment import Moment, Parts
from simulator.engine.sequencer import NEVER, Frame
from simulator.engine.signature import machine_signature
from simulator.engine.spans import SpanRecorder

FEWEST_ITERATIONS = 4
"""A loop has to run, repeat and still have an iteration left to skip."""
FIRST_WINDOW = 32
SHORTEST_WINDOW = 16
LONGEST_WINDOW = 512
WINDOW_SHARE = 16
PATIENCE = 2
"""Executions of a loop without a repeat after which it is watched ever more rarely."""


class Watch:
    """Moments seen during a window of iterations of one execution of a loop.

    Windows start at iterations 1, 64, 128, 256, … and grow in proportion, so that
    a loop that never repeats costs little, one with a long period is still found,
    and storage is bounded.
    """

    __slots__ = ("end", "frame", "moments", "start")

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.moments: dict[Hashable, Moment] = {}
        self.start = 1
        self.end = 1 + FIRST_WINDOW
        frame.watch_from = 1

    def is_open(self) -> bool:
        """Whether the present iteration is in a window; past it, prepare the next one."""
        iteration = self.frame.iteration
        if iteration >= self.end:
            self.moments.clear()
            while iteration >= self.end:
                self.start = max(2 * FIRST_WINDOW, 2 * self.start)
                length = max(SHORTEST_WINDOW, self.start // WINDOW_SHARE)
                self.end = self.start + min(LONGEST_WINDOW, length)
            self.frame.watch_from = self.start
        return iteration >= self.start


class Skipper:
    """The observer; it waits until `recorder` has its intervals, which have no gaps so.

    skipped_commands: executions that were not simulated.
    """

    def __init__(self, parts: Parts, turn: int, recorder: SpanRecorder) -> None:
        self.skipped_commands = 0
        self._parts = parts
        self._recorder = recorder
        self._watches: list[Watch | None] = []  # by level of the sequencer's frames
        self._bit = 1 << turn
        parts.timeline.enrol(self._bit, self._look)
        self._pending = False
        for frame in parts.sequencer.frames:
            self._enter(frame)
        parts.sequencer.on_enter = self._enter
        parts.sequencer.on_iteration = self._request

    def _enter(self, frame: Frame) -> None:
        """Decide whether to watch an execution of a loop."""
        level = len(self._parts.sequencer.frames) - 1
        del self._watches[level:]
        worth = _is_worth_watching(frame.code) and self._parts.motions.may_skip(frame.code)
        self._watches.append(Watch(frame) if worth else None)

    def _request(self, frame: Frame) -> None:
        """Look at the machine when everything else at this time has happened."""
        if self._recorder.is_recording:
            frame.ended = False
        elif not self._pending:
            self._pending = True
            self._parts.timeline.wake(self._bit, 0)

    def _look(self) -> None:
        self._pending = False
        parts = self._parts
        machines: dict[int | None, Hashable] = {}
        del self._watches[len(parts.sequencer.frames) :]
        for level, frame in enumerate(parts.sequencer.frames):
            watch = self._watches[level]
            if not frame.ended or watch is None:
                continue
            frame.ended = False
            if not watch.is_open():
                continue
            instance = parts.ledger.instance if frame.code.instances else None
            if instance not in machines:
                memory = parts.memory.signature(*parts.motions.of(frame.code), instance or 0)
                machines[instance] = machine_signature(
                    parts.queues, memory, parts.timeline.event_fs, instance
                )
            if self._compare(level, watch, machines[instance]):
                break

    def _compare(self, level: int, watch: Watch, machine: Hashable) -> bool:
        """Jump if this moment repeats an earlier one of the same loop; otherwise keep it."""
        parts, frame = self._parts, watch.frame
        code = frame.code
        moment = Moment(parts, frame)
        clocks = code.clocks_fs if len(code.clocks_fs) > 1 else ()
        key = (
            parts.sequencer.position(level),
            tuple([semaphore.count for semaphore in code.balanced]),
            tuple([moment.time_fs % period_fs for period_fs in clocks]),
            machine,
        )
        earlier = watch.moments.setdefault(key, moment)
        if earlier is moment:
            return False
        watch.moments[key] = moment
        if frame.iteration + (frame.iteration - earlier.iteration) >= code.count:
            frame.watch_from = NEVER
            return False
        jump = find_jump(parts, frame, earlier, moment)
        if jump is None:
            return False
        self._perform(level, jump)
        return True

    def _perform(self, level: int, jump: Jump) -> None:
        frame = jump.frame
        jump.perform(level)
        if frame.iteration + jump.iterations >= frame.code.count:
            frame.watch_from = NEVER  # states of less than a period are all different
        self.skipped_commands += jump.periods * jump.iterations * frame.code.commands
        frame.code.failures = 0
        for inner, watch in zip(
            self._parts.sequencer.frames[level:], self._watches[level:], strict=True
        ):
            inner.ended = False
            if watch is not None:
                watch.moments.clear()


def _is_worth_watching(code: LoopCode) -> bool:
    """Not if it cannot be skipped, is too short, or has not repeated many times before."""
    if not code.skippable or code.count < FEWEST_ITERATIONS:
        return False
    code.entered += 1
    if code.failures >= PATIENCE and code.entered & (code.entered - 1):
        return False
    code.failures += 1
    return True
