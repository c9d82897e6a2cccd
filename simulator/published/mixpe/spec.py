"""The data of MixPE's experiments, as `configs/published/mixpe/as_published.yaml` has them."""

from __future__ import annotations

from pydantic import Field

from simulator.config import Spec, find, load_document, validate

DATA = "mixpe/as_published.yaml"


class BufferSpec(Spec):
    """An SRAM of `banks` macros: energy of an access of `access_bits` in nJ, leakage in mW."""

    capacity_bytes: int = Field(ge=1)
    access_bits: int = Field(ge=1)
    read_nj: float
    write_nj: float
    bank_leakage_mw: float
    banks: int = Field(ge=1)

    @property
    def half_bits(self) -> int:
        """What a tile may take: the other half is being filled."""
        return self.capacity_bytes * 8 // 2


class DramSpec(Spec):
    """Energies of DRAM in nJ: per 1024 bits, and per cycle whatever happens."""

    read_nj_per_1024_bits: float
    write_nj_per_1024_bits: float
    static_nj_per_cycle: float


class PublishedMachineSpec(Spec):
    """What all designs share. dram_in_search: energies by which schedules are chosen."""

    clock_hz: float = Field(gt=0)
    batch: int = Field(ge=1)
    dram_bits_per_cycle: int = Field(ge=1)
    output_bits: int = Field(ge=1)
    weights: BufferSpec
    inputs: BufferSpec
    outputs: BufferSpec
    dram: DramSpec
    dram_in_search: DramSpec


class PatchEmbeddingSpec(Spec):
    """A convolution of `outputs` x `outputs` windows of `window` x `window` x `channels`."""

    channels: int = Field(ge=1)
    window: int = Field(ge=1)
    outputs: int = Field(ge=1)
    filters: int = Field(ge=1)


class LinearSpec(Spec):
    """A linear layer [k] x [k, n]."""

    name: str
    k: int = Field(ge=1)
    n: int = Field(ge=1)


class NetworkSpec(Spec):
    """`blocks` times the same linear layers, behind a patch embedding if there is one."""

    blocks: int = Field(ge=1)
    patch_embedding: PatchEmbeddingSpec | None = None
    linears: tuple[LinearSpec, ...] = Field(min_length=1)


class DequantisationSpec(Spec):
    """The GEMM added to a linear layer: [k / k_over] x [n / n_over]."""

    k_over: int = Field(ge=1)
    n_over: int = Field(ge=1)


class ExceptionSpec(Spec):
    """`blocks` of a network where a linear layer (all of them if None) has other `bits`."""

    network: str
    linear: str | None = None
    bits: int
    blocks: int = Field(ge=1)


class DesignSpec(Spec):
    """An array of rows x columns PEs, and what it computes with.

    high_bits, low_bits: each dimension counts int(high_bits / max(bits, low_bits)) times.
    bits: of both operands of linear layers; other_bits: of everything else.
    leakage_nw, dynamic_nw: of one PE at the clock.
    """

    rows: int = Field(ge=1)
    columns: int = Field(ge=1)
    high_bits: int = Field(ge=1)
    low_bits: int = Field(ge=1)
    bits: int = Field(ge=1)
    other_bits: int = Field(ge=1)
    dequantisation: DequantisationSpec
    leakage_nw: float
    dynamic_nw: float
    exceptions: tuple[ExceptionSpec, ...] = ()

    def scaling(self, bits: int) -> int:
        """How many times a dimension of the array counts at a width."""
        return self.high_bits // max(bits, self.low_bits)


class PublishedValuesSpec(Spec):
    """A design's time, and the parts of its energy, per network in their order."""

    time: tuple[float, ...]
    static: tuple[float, ...]
    dram: tuple[float, ...]
    buffers: tuple[float, ...]
    core: tuple[float, ...]

    def energy(self, network: int) -> float:
        """All parts together."""
        parts = (self.static, self.dram, self.buffers, self.core)
        return sum(part[network] for part in parts)


class MeanSpec(Spec):
    """Geometric means over the networks."""

    time: float
    energy: float


class MixpeSpec(Spec):
    """The whole file. Published values are normalised to the design `reference`."""

    machine: PublishedMachineSpec
    networks: dict[str, NetworkSpec]
    designs: dict[str, DesignSpec]
    reference: str
    published_source: str
    published: dict[str, PublishedValuesSpec]
    means_source: str
    means: dict[str, MeanSpec]


def load_mixpe() -> MixpeSpec:
    """The shipped data."""
    return validate(MixpeSpec, load_document(find("published", DATA)))
