"""The loop of a server: what takes part in an iteration, when it begins, what it brings.

A pipeline has as many micro-batches as stages, each with requests and iterations of its own.
Micro-batches queue for a stage in the order in which they come; new tokens go back to the
first stage, and the next iteration of a micro-batch begins there.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from simulator.hardware.machine import FEMTOSECONDS_PER_SECOND
from simulator.mapping.kv_room import ChannelRoom, SharedRoom
from simulator.report.serving.result import IterationRecord
from simulator.runner import Progress
from simulator.serving.steps import StepTimer, Work
from simulator.workload.serving.scheduler import Iteration, Scheduler
from simulator.workload.serving.spec import ServingSpec

Room = SharedRoom | ChannelRoom


@dataclass
class Server:
    """Iterations, one micro-batch after the other, and waiting where there is nothing to do.

    schedulers: of the micro-batches, one for each stage. requests: that arrive in all.
    records: of the iterations so far, in the order in which they begin. free_fs: when each
    stage has done what has begun so far; busy_fs: how long it has worked.
    """

    serving: ServingSpec
    period_fs: int
    room: Room
    schedulers: list[Scheduler]
    timer: StepTimer
    requests: int
    records: list[IterationRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        count = len(self.schedulers)
        self.free_fs, self.busy_fs = [0] * count, [0] * count
        # Micro-batches that can begin, from when; under way, until when; and without work.
        self._ready = [(0, number) for number in range(count)]
        self._under_way: list[tuple[int, int, Iteration]] = []
        self._idle: list[int] = []

    def run(self, progress: Progress | None) -> None:
        """Serve until all requests are done, or the limit of iterations is reached."""
        limit = self.serving.iterations
        while limit is None or len(self.records) < limit:
            turn = self._turn()
            if turn is None:
                return
            number, now_fs = turn
            iteration = self.schedulers[number].next(now_fs)
            if iteration is None:
                self._idle.append(number)
                continue
            self._serve(number, iteration, now_fs)
            if progress is not None:
                progress(f"iteration {len(self.records):,}", self._share_done())
        while self._under_way:
            self._end()

    def _turn(self) -> tuple[int, int] | None:
        """The micro-batch whose turn it is, and when; None if there is nothing left to do.

        What ends, or arrives for those without work, comes first.
        """
        while True:
            begins = max(self._ready[0][0], self.free_fs[0]) if self._ready else None
            ends = self._under_way[0][0] if self._under_way else None
            arrives = self._next_arrival_fs if self._idle else None
            times = [time for time in (begins, ends, arrives) if time is not None]
            if not times:
                return None
            if ends == min(times):
                self._end()
            elif arrives == min(times):
                self._wake(arrives)
            else:
                assert begins is not None
                return heapq.heappop(self._ready)[1], begins

    @property
    def _next_arrival_fs(self) -> int | None:
        """At an edge of the clock."""
        arrival_fs = self.schedulers[0].next_arrival_fs
        return None if arrival_fs is None else -(-arrival_fs // self.period_fs) * self.period_fs

    def _end(self) -> None:
        """The first iteration under way ends; what it had room for may do for others."""
        end_fs, number, iteration = heapq.heappop(self._under_way)
        self.schedulers[number].finish(iteration, end_fs)
        heapq.heappush(self._ready, (end_fs, number))
        self._wake(end_fs)

    def _wake(self, now_fs: int) -> None:
        """Micro-batches without work look again."""
        while self._idle:
            heapq.heappush(self._ready, (now_fs, self._idle.pop()))

    def _serve(self, number: int, iteration: Iteration, now_fs: int) -> None:
        running = [len(each.running) for each in self.schedulers]
        cached = sum(r.cached for each in self.schedulers for r in each.running)
        cached += iteration.prompt_tokens + len(iteration.decodes)
        own = [request.number for request in self.schedulers[number].running]
        step = self.timer.step(
            iteration, _work(iteration, self.room, own), -(-cached // len(self.schedulers))
        )
        end_fs = self._pass_stages(step.amount.stage_cycles, step.amount.between_cycles, now_fs)
        self.records.append(
            IterationRecord(
                kind=iteration.kind,
                start_s=now_fs / FEMTOSECONDS_PER_SECOND,
                end_s=end_fs / FEMTOSECONDS_PER_SECOND,
                cycles=(end_fs - now_fs) // self.period_fs,
                prompts=len(iteration.prompts),
                prompt_tokens=iteration.prompt_tokens,
                decodes=len(iteration.decodes),
                context_tokens=iteration.batch().context,
                running=sum(running),
                waiting=len(self.schedulers[number].waiting),
                kv_share=self.room.used_share,
                simulated=step.simulated,
                energy_j=step.amount.energy_j,
                memory_bytes=round(step.amount.memory_bytes),
                macs=round(step.amount.macs),
                memory_macs=round(step.amount.memory_macs),
                micro_batch=number,
            )
        )
        heapq.heappush(self._under_way, (end_fs, number, iteration))

    def _pass_stages(
        self, stage_cycles: tuple[float, ...], between_cycles: float, now_fs: int
    ) -> int:
        """When an iteration has been through all stages, and its tokens are back.

        Sends, from stage to stage and back to the first, are taken to be equally long.
        """
        send_fs = round(between_cycles / len(stage_cycles)) * self.period_fs
        for stage, cycles in enumerate(stage_cycles):
            taken_fs = round(cycles) * self.period_fs
            now_fs = max(now_fs, self.free_fs[stage]) + taken_fs
            self.free_fs[stage] = now_fs
            self.busy_fs[stage] += taken_fs
            now_fs += send_fs
        return now_fs

    def _share_done(self) -> float:
        shares = [len(self.schedulers[0].done) / self.requests]
        if self.serving.iterations is not None:
            shares.append(len(self.records) / self.serving.iterations)
        return min(1.0, max(shares))


def _work(iteration: Iteration, room: Room, running: list[int]) -> Work:
    """running: requests of the micro-batch."""
    total = iteration.batch().context
    if isinstance(room, ChannelRoom) and iteration.kind == "decode":
        return Work(max(room.loads(running)), total, 0)
    return Work(total, total, total)
