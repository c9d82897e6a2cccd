"""Serves the requests of an experiment: from its settings to what was found."""

from __future__ import annotations

from typing import Any

from simulator import __version__
from simulator.config import CyclelabError
from simulator.config.blame import said_at
from simulator.experiment import Experiment
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.machine import FEMTOSECONDS_PER_SECOND
from simulator.mapping.kv_room import ChannelRoom, SharedRoom
from simulator.mapping.pim.layout import (
    CachedRequest,
    computing_memory,
    peak_macs_per_cycle,
    rows_beside,
)
from simulator.report.serving.result import (
    LikenessErrors,
    RequestRecord,
    ServingResult,
)
from simulator.runner import Progress, check_patterns, machine_facts, most_activations
from simulator.serving.server import Room, Server
from simulator.serving.steps import StepTimer
from simulator.workload.batch import Batch, Sequence
from simulator.workload.serving.arrivals import Arrival, arrivals_of
from simulator.workload.serving.load import ServedModel, load_served
from simulator.workload.serving.scheduler import Scheduler, ServedRequest
from simulator.workload.serving.spec import ServingSpec


def serve_experiment(experiment: Experiment, progress: Progress | None = None) -> ServingResult:
    """Serve the requests of an experiment until all are done, or `iterations` are.

    Raises CyclelabError when the model, or one request alone, does not fit the memory, and
    as `run_experiment` does.
    """
    serving = experiment.spec.serving
    if serving is None:
        raise CyclelabError(
            f"{experiment.spec.name!r} has no `serving`, the requests that it serves; cyclelab run "
            "runs it"
        )
    served, arrivals = _loaded(experiment, serving)
    room = _room(experiment, served, serving, arrivals)
    server = Server(
        serving=serving,
        period_fs=experiment.spec.machine.clock.period_fs,
        room=room,
        schedulers=Scheduler.of(serving, room, arrivals, served.stages),
        timer=StepTimer(experiment, served, serving.alike if serving.steps == "alike" else None),
        requests=len(arrivals),
    )
    server.run(progress)
    check_patterns(experiment, server.timer.mapper)
    return _result(experiment, served, server)


def _loaded(experiment: Experiment, serving: ServingSpec) -> tuple[ServedModel, list[Arrival]]:
    document = experiment.document
    with said_at(document, ("workload",)):
        folder = document.locate(("workload",)).origin.directory
        served = load_served(experiment.spec.workload, folder)
    if serving.batch < served.stages:
        raise document.error(
            ("serving", "batch"),
            f"{serving.batch} requests at once are too few for {served.stages} micro-batches, one "
            "for each stage of workload.pipeline_parallel",
        )
    with said_at(document, ("serving", "requests")):
        folder = document.locate(("serving", "requests")).origin.directory
        return served, arrivals_of(serving, served.model.max_context, folder)


def _room(
    experiment: Experiment, served: ServedModel, serving: ServingSpec, arrivals: list[Arrival]
) -> Room:
    """What the memory has left beside weights, and activations of the largest iteration."""
    spec, model = experiment.spec, served.of_stage
    memory, weights = spec.machine.memory, served.weight_bytes
    computing = computing_memory(spec.machine, spec.mapping)
    if computing is not None:
        return ChannelRoom(
            memory=computing,
            shape=lambda tokens: CachedRequest(
                tokens, model.kv_heads, model.heads // model.kv_heads, model.head_dim, None
            ),
            layers=model.layers,
            rows=rows_beside(computing, weights),
            policy=spec.mapping.pim.requests,
        )
    longest = max(arrival.prompt_tokens for arrival in arrivals)
    at_once = -(-serving.batch // served.stages)
    prompts = 0 if serving.prompts == "elsewhere" else max(1, serving.prompt_tokens // longest)
    batch = [Sequence(longest)] * min(prompts, at_once)
    if serving.prompts != "separate":
        batch += [Sequence(1, model.max_context - 1)] * at_once
    phase = served.builder.phase("largest", "mixed", Batch(tuple(batch)), 0)
    activations = most_activations(phase, spec.machine, spec.mapping)[1]
    left = memory.capacity_bytes - weights - activations
    if left <= 0:
        raise CyclelabError(
            f"{model.name} does not fit the memory of {spec.machine.name}: weights "
            f"{weights:,} bytes + activations {activations:,} bytes, but it holds "
            f"{memory.capacity_bytes:,} ({-left:,} bytes missing); use a smaller model, fewer "
            "layers or fewer bits, or raise the capacity"
        )
    return SharedRoom(left, served.kv_bytes)


def _result(experiment: Experiment, served: ServedModel, server: Server) -> ServingResult:
    spec, timer, first = experiment.spec, server.timer, server.schedulers[0]
    running = [request for each in server.schedulers for request in each.running]
    known = {r.number: r for r in (*first.done, *running, *first.waiting)}
    requests = [
        _request(known[number]) for number in sorted(known) if known[number].admitted_fs is not None
    ]
    return ServingResult(
        name=spec.name,
        machine=machine_facts(spec.machine, timer.mapper),
        memory_peak_macs_per_cycle=_memory_peak(experiment),
        workload=_workload_facts(served),
        offered_requests=server.requests,
        iterations=server.records,
        stage_busy_s=[each / FEMTOSECONDS_PER_SECOND for each in server.busy_fs],
        requests=requests,
        preemptions=sum(request.preemptions for request in known.values()),
        likeness=LikenessErrors(
            kind=server.serving.steps,
            errors=timer.errors,
            layers=timer.alike.layers if timer.alike else served.model.layers,
            layers_error=timer.layers_error,
        ),
        technology=experiment.technology.name,
        sources=experiment.sources(),
        configuration=experiment.resolved(),
        configuration_hash=experiment.configuration_hash(),
        version=__version__,
    )


def _request(request: ServedRequest) -> RequestRecord:
    def seconds(time_fs: int | None) -> float | None:
        return None if time_fs is None else time_fs / FEMTOSECONDS_PER_SECOND

    return RequestRecord(
        number=request.number,
        prompt_tokens=request.prompt_tokens,
        output_tokens=request.output_tokens,
        generated=request.generated,
        channel=request.channel,
        midway=request.midway,
        preemptions=request.preemptions,
        arrival_s=request.arrival_fs / FEMTOSECONDS_PER_SECOND,
        admitted_s=seconds(request.admitted_fs),
        first_token_s=None if request.midway else seconds(request.first_token_fs),
        finished_s=seconds(request.finished_fs),
    )


def _memory_peak(experiment: Experiment) -> float:
    """MACs per cycle of the machine's clock of all units in the memory; 0 without."""
    machine = experiment.spec.machine
    memory = machine.memory
    if not isinstance(memory, DramMemorySpec) or memory.device.pim is None:
        return 0.0
    return float(peak_macs_per_cycle(memory, machine.clock.period_fs))


def _workload_facts(served: ServedModel) -> dict[str, Any]:
    model = served.model
    return {
        "model": model.name,
        "layers": model.layers,
        "tensor_parallel": served.tensor_parallel,
        **({"pipeline_parallel": served.stages} if served.stages > 1 else {}),
        "precision": served.formats.describe(),
        "weight_bytes": served.weight_bytes,
        "kv_bytes_per_token": served.kv_bytes(1),
        "max_context": model.max_context,
    }
