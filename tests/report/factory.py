"""A plausible Result without a simulation: Llama-2-7B on a TPUv3-like core.

Times follow from MACs, bytes and the machine's peaks, so that bounds, shares and
sums are physical; nothing here is a prediction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator.report.result import Estimate, OperatorResult, PhaseResult, Result

CLOCK_HZ = 940e6
PEAK_MACS = 32768
BANDWIDTH = 450e9
LATENCY_CYCLES = 470
VECTOR_LANES = 1024
STATIC_W = 14.0
LAYERS = 32
HIDDEN, INNER, VOCABULARY = 4096, 11008, 32000
BYTES_PER_CYCLE = BANDWIDTH / CLOCK_HZ


@dataclass
class Work:
    """What an operator has to do: MACs, main-memory bytes, vector elements."""

    name: str
    kind: str
    macs: int = 0
    read: int = 0
    write: int = 0
    elements: int = 0
    shape: str = ""


def gemm(name: str, m: int, k: int, n: int, onchip: bool) -> Work:
    moved = 0 if onchip else 2 * m * k
    return Work(
        name,
        "matmul",
        m * k * n,
        2 * k * n + moved,
        0 if onchip else 2 * m * n,
        shape=f"{m}×{k} · {k}×{n}",
    )


def layer(tokens: int, context: int) -> list[Work]:
    pairs = tokens * context - tokens * (tokens - 1) // 2
    chip = tokens == 1
    spill = 0 if chip else 2 * tokens * HIDDEN
    kv = 2 * context * HIDDEN
    heads = 32
    return [
        Work("input_norm", "vector", read=spill, elements=tokens * HIDDEN * 4),
        gemm("qkv_proj", tokens, HIDDEN, 3 * HIDDEN, chip),
        Work("rope", "vector", elements=tokens * HIDDEN * 6),
        Work("kv_append", "gather", write=4 * tokens * HIDDEN),
        Work("scores", "scores", pairs * HIDDEN, read=kv),
        Work("softmax", "vector", elements=pairs * heads * 5),
        Work("context", "context", pairs * HIDDEN, read=kv),
        gemm("o_proj", tokens, HIDDEN, HIDDEN, chip),
        Work("attention_add", "vector", elements=tokens * HIDDEN, read=spill),
        Work("post_norm", "vector", elements=tokens * HIDDEN * 4),
        gemm("gate_up_proj", tokens, HIDDEN, 2 * INNER, chip),
        Work("silu_multiply", "vector", elements=tokens * INNER * 5),
        gemm("down_proj", tokens, INNER, HIDDEN, chip),
        Work("mlp_add", "vector", elements=tokens * HIDDEN, read=spill),
    ]


def estimate(value: float, down: float = 0.7, up: float = 1.5) -> Estimate:
    return Estimate(value, value * down, value * up)


def operator(phase: str, block: str, instance: int, work: Work, start: int) -> OperatorResult:
    matrix = work.macs > 0
    compute_bound = -(-work.macs // PEAK_MACS) if matrix else -(-work.elements // VECTOR_LANES)
    moved = work.read + work.write
    memory_bound = round(moved / BYTES_PER_CYCLE)
    compute = round(compute_bound * 1.07)
    port = round(compute * 0.02) if work.name in ("scores", "context") else 0
    stalls = {
        "memory_read": max(0, round(work.read / BYTES_PER_CYCLE * 1.03) - compute),
        "memory_write": round(work.write / BYTES_PER_CYCLE * 0.1),
        "port": port,
        "drain": 300 if matrix else 40,
        "dependency": 0 if matrix else 200,
    }
    stalls = {cause: cycles for cause, cycles in stalls.items() if cycles}
    cycles = compute + sum(stalls.values())
    exclusive = cycles - stalls.get("dependency", 0) - (120 if matrix else 0)
    bounds = {"compute" if matrix else "vector": compute_bound, "memory": memory_bound}
    bound = max(bounds, key=lambda name: bounds[name])
    if max(bounds.values()) < cycles / 2:
        bound = "latency"
    return OperatorResult(
        phase=phase,
        name=work.name,
        block=block,
        instance=instance,
        kind=work.kind,
        unit="systolic_array" if matrix else "dma" if work.kind == "gather" else "vector",
        start_cycle=start,
        cycles=cycles,
        compute_cycles=compute,
        exclusive_cycles=exclusive,
        stall_cycles=stalls,
        bytes={
            "dram_read": work.read,
            "dram_write": work.write,
            "scratchpad_read": 2 * moved + 8 * work.elements,
            "scratchpad_write": moved + 4 * work.elements,
        },
        macs=work.macs,
        utilisation=work.macs / (cycles * PEAK_MACS),
        bound=bound,
        compute_bound_cycles=compute_bound,
        memory_bound_cycles=memory_bound,
        compulsory_bytes=moved,
        energy_j=estimate(work.macs * 0.8e-12 + moved * 31e-12 + work.elements * 2e-12),
        energy_parts_j={
            "core.matrix_unit": work.macs * 0.8e-12,
            "core.vector_unit": work.elements * 2e-12,
            "memory": moved * 31e-12,
        },
        mapping={"shape": work.shape, "order": "nm", "tile": "128×4096×512"} if matrix else {},
    )


def phase(
    name: str, kind: str, tokens: int, context: int, start: int, layers: int
) -> tuple[PhaseResult, list[OperatorResult]]:
    work = [("", 0, Work("embedding", "gather", read=2 * tokens * HIDDEN))]
    work += [("layers", i, w) for i in range(layers) for w in layer(tokens, context)]
    work += [("", 0, Work("final_norm", "vector", elements=HIDDEN * 4))]
    work += [("", 0, gemm("lm_head", 1, HIDDEN, VOCABULARY, True))]
    operators: list[OperatorResult] = []
    end = start
    for block, instance, item in work:
        op = operator(name, block, instance, item, 0)
        end += op.exclusive_cycles
        op.start_cycle = max(start, end - op.cycles)
        op.exclusive_cycles = end - max(start, end - op.exclusive_cycles)
        static = STATIC_W * op.exclusive_cycles / CLOCK_HZ
        op.energy_j += estimate(static, 0.5, 2.0)
        op.energy_parts_j["static"] = static
        operators.append(op)
    cycles = end - start
    read = sum(op.bytes["dram_read"] for op in operators)
    written = sum(op.bytes["dram_write"] for op in operators)
    result = PhaseResult(
        name=name,
        kind=kind,
        tokens=tokens,
        generated=1,
        start_cycle=start,
        cycles=cycles,
        seconds=cycles / CLOCK_HZ,
        macs=sum(op.macs for op in operators),
        dram_read_bytes=read,
        dram_write_bytes=written,
        busy_cycles={
            "core0.load": min(cycles, round(read / BYTES_PER_CYCLE)),
            "core0.matrix": sum(op.compute_cycles for op in operators if op.macs),
            "core0.store": round(written / BYTES_PER_CYCLE),
            "core0.vector": sum(op.compute_cycles for op in operators if not op.macs),
        },
        memory_busy_seconds=min(1.0, (read + written) / BYTES_PER_CYCLE / cycles)
        * cycles
        / CLOCK_HZ,
        energy_j=estimate(sum(op.energy_j.value for op in operators)),
    )
    return result, operators


def spans(operators: list[OperatorResult]) -> list[dict[str, Any]]:
    """Tiles of the first layer: loads run ahead, matrix or vector, then stores."""
    found: list[dict[str, Any]] = []
    free = {"core0.load": 0, "core0.matrix": 0, "core0.vector": 0, "core0.store": 0}

    def add(op: OperatorResult, queue: str, label: str, start: int, cycles: int) -> int:
        begin = max(start, free[queue])
        if cycles:
            free[queue] = begin + cycles
            found.append(
                {
                    "phase": op.phase,
                    "queue": queue,
                    "operator": op.name,
                    "instance": op.instance,
                    "label": label,
                    "start_cycle": begin,
                    "end_cycle": begin + cycles,
                }
            )
        return begin + cycles

    for op in operators:
        tiles = 16 if op.cycles > 4000 else 2
        load = round(op.bytes["dram_read"] / BYTES_PER_CYCLE / tiles)
        store = round(op.bytes["dram_write"] / BYTES_PER_CYCLE / tiles)
        queue = "core0.matrix" if op.macs else "core0.vector"
        end = op.start_cycle
        for tile in range(tiles):
            loaded = add(
                op, "core0.load", f"tile {tile}", end if tile > 1 else op.start_cycle, load
            )
            end = add(op, queue, f"tile {tile}", loaded, max(1, op.compute_cycles // tiles))
            add(op, "core0.store", f"tile {tile}", end, store)
    return found


def make_result(layers: int = LAYERS, decode_steps: int = 1, window: bool = True) -> Result:
    """Prefill of 2,048 tokens and some decode steps."""
    phases: list[PhaseResult] = []
    operators: list[OperatorResult] = []
    tiles: list[dict[str, Any]] = []
    plan = [("prefill", "prefill", 2048, 2048)]
    plan += [(f"decode[{i}]", "decode", 1, 2049 + i) for i in range(decode_steps)]
    start = 0
    for name, kind, tokens, context in plan:
        found, executed = phase(name, kind, tokens, context, start, layers)
        phases.append(found)
        operators += executed
        start += found.cycles
        if window and name in ("prefill", "decode[0]"):
            tiles += spans([op for op in executed if op.block and op.instance == 0])
    cycles = start
    seconds = cycles / CLOCK_HZ
    macs = sum(p.macs for p in phases)
    read = sum(p.dram_read_bytes + p.dram_write_bytes for p in phases)
    energy = {
        "memory": estimate(read * 31e-12, 0.8, 1.4),
        "core.matrix_unit.systolic_array.pe.multiplier": estimate(macs * 0.45e-12),
        "core.matrix_unit.systolic_array.pe.adder": estimate(macs * 0.2e-12),
        "core.matrix_unit.systolic_array.pe.registers": estimate(macs * 0.15e-12, 0.5, 2.0),
        "core.scratchpad": estimate(read * 4e-12),
        "core.accumulator": estimate(read * 1.4e-12),
        "core.vector_unit": estimate(seconds * 0.9),
        "static": estimate(seconds * STATIC_W, 0.5, 2.0),
    }
    area = {
        "core.matrix_unit.systolic_array.pe.multiplier": estimate(31.0),
        "core.matrix_unit.systolic_array.pe.adder": estimate(14.2),
        "core.matrix_unit.systolic_array.pe.registers": estimate(9.6),
        "core.scratchpad": estimate(24.5, 0.8, 1.3),
        "core.accumulator": estimate(6.1),
        "core.vector_unit": estimate(4.3),
        "core.dma": estimate(0.6, 0.4, 2.5),
    }
    total_energy = sum(energy.values(), Estimate(0.0, 0.0, 0.0))
    return Result(
        name="llama2_7b_on_tpu",
        machine={
            "name": "tpuv3_core",
            "description": "one core of a TPUv3",
            "clock_hz": CLOCK_HZ,
            "cores": 1,
            "peak_macs_per_cycle": PEAK_MACS,
            "memory_bandwidth_bytes_per_s": BANDWIDTH,
            "memory_latency_s": LATENCY_CYCLES / CLOCK_HZ,
            "memory_capacity_bytes": 16 * 2**30,
            "memory_device": "hbm2",
            "matrix_units": [
                {"name": "systolic_array 128×128", "count": 2, "macs_per_cycle": 32768}
            ],
            "queues": ["core0.load", "core0.matrix", "core0.vector", "core0.store"],
        },
        workload={
            "name": "llama2_7b",
            "layers": layers,
            "hidden_size": HIDDEN,
            "batch": 1,
            "prompt_tokens": 2048,
            "weight_format": "bf16",
            "kv_format": "bf16",
        },
        cycles=cycles,
        seconds=seconds,
        time_to_first_token_s=phases[0].seconds,
        time_per_output_token_s=sum(p.seconds for p in phases[1:]) / decode_steps
        if decode_steps
        else None,
        tokens_per_s=(1 + decode_steps) / seconds,
        utilisation=macs / (cycles * PEAK_MACS),
        area_mm2=sum(area.values(), Estimate(0.0, 0.0, 0.0)),
        energy_j=total_energy,
        power_w=total_energy.scaled(1 / seconds),
        phases=phases,
        operators=operators,
        area_by_component=area,
        energy_by_component=energy,
        technology={"name": "generic_16nm", "node_nm": 16},
        sources={
            "core.matrix_unit.systolic_array.pe.multiplier": "synthesis of a bf16 multiplier, 16 nm"
        },
        configuration={"name": "llama2_7b_on_tpu", "workload": {"batch": 1}, "machine": "tpuv3"},
        configuration_hash="3f2a" * 16,
        version="0.1.0",
        seed=0,
        spans=tiles,
        simulation={"events": 123456, "skipped_commands": 987654, "cpu_s": 0.8},
    )
