"""Technologies as a whole: sources, bounds, sums, refusals, speed."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import ConfigError, CyclelabError, Document, load_preset
from simulator.cost.area import area
from simulator.cost.energy import energy, static_power_w
from simulator.cost.estimate import Estimate
from simulator.cost.load import load_technology, technology_from
from simulator.cost.technology import VERBS
from simulator.hardware.primitives import Action, ActionCounts, Part, Primitive
from tests.cost.helpers import PRESETS, adder, dram, flip_flops, multiplier, sram, technology

DEVICES = sorted(technology("45nm").spec.dram)
FORMATS = st.sampled_from(["int1", "int4", "uint8", "int12", "fp8_e5m2", "bf16", "fp16", "fp64"])
PRIMITIVES = st.one_of(
    st.builds(multiplier, FORMATS, FORMATS),
    st.builds(adder, FORMATS),
    st.builds(flip_flops, st.integers(1, 4096)),
    st.builds(lambda bits: Primitive("mux2", bits=bits), st.integers(1, 4096)),
    st.builds(sram, st.integers(32768, 262144), st.sampled_from([64, 128, 256])),
    st.builds(dram, st.sampled_from(DEVICES), st.integers(0, 2**36)),
)
ACTIONS = PRIMITIVES.flatmap(
    lambda p: st.builds(
        Action, st.sampled_from(["a", "b.c", "d"]), st.just(p), st.sampled_from(VERBS[p.kind])
    )
)
COUNTS = st.dictionaries(ACTIONS, st.integers(1, 10**15), max_size=6).map(ActionCounts)


def ordered(estimate: Estimate) -> bool:
    """Whether the bounds enclose the value."""
    return 0 <= estimate.low <= estimate.value <= estimate.high


def test_what_ships():
    horowitz, synthesis = "45nm_horowitz", "45nm_synthesis"
    scaled = ["16nm", "22nm", "28nm", "40nm", "45nm", horowitz, synthesis, "7nm"]
    assert scaled == PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_every_number_has_a_source_bounds_and_quality(name):
    document = load_preset("technologies", name)
    assert technology(name).name == name
    facts = {"name", "description", "node_nm", "table", "cell"}
    parents = {path[:-1] for path in document.marks}
    leaves = [
        path
        for path in document.marks
        if path not in parents and path[-1] not in facts and path[0] != "scaling"
    ]
    assert len(leaves) > 50
    for path in leaves:
        sourced = document.sources[path]
        assert sourced.quality in {"published", "measured", "derived", "assumed"}, path
        if not path[-1].endswith("supply_v"):
            assert sourced.low is not None and sourced.high is not None, path
    for table in technology(name).spec.scaling.model_dump():
        assert document.sources["scaling", table].source


@given(st.sampled_from(PRESETS), ACTIONS)
def test_bounds_enclose_every_estimate(name, action):
    found = technology(name)
    assert ordered(found.action_energy_pj(action.primitive, action.verb))
    assert ordered(found.primitive_area_um2(action.primitive))
    assert ordered(found.primitive_leakage_w(action.primitive))
    assert found.sources_for(action.primitive, action.verb)
    assert found.sources_for(action.primitive)


@given(COUNTS, COUNTS, st.integers(1, 1000))
def test_energy_adds_up_and_scales(one, other, times):
    base = technology("16nm")
    both = ActionCounts.total([(one, times), (other, 1)])
    first, second, whole = (energy(counts, base) for counts in (one, other, both))
    assert set(whole) == set(first) | set(second)
    zero = Estimate(0, 0, 0)
    for path, total in whole.items():
        expected = first.get(path, zero).scaled(times) + second.get(path, zero)
        assert total.value == pytest.approx(expected.value, rel=1e-9)
        assert total.low == pytest.approx(expected.low, rel=1e-9)
        assert total.high == pytest.approx(expected.high, rel=1e-9)


def test_units_by_hand():
    base = technology("45nm")
    # 10^12 int8 multiplications of 0.2 pJ are 0.2 J; 10^6 bytes of HBM2 at 3.9 pJ/bit 31.2 µJ.
    counts = ActionCounts({Action("mul", multiplier("int8", "int8")): 10**12})
    counts.add(Action("memory", dram("hbm2"), "read"), 10**6)
    joules = energy(counts, base)
    assert joules["mul"].value == pytest.approx(0.2)
    assert joules["memory"].value == pytest.approx(31.2e-6)
    # 10^6 registers of 32 bit: 4.52 mm² · 32.
    registers = Part("registers", flip_flops(32), 10**6)
    assert area([registers], base)["registers"].value == pytest.approx(144.64)
    # … which leak 22.2 mW per mm² at 1.1 V, at 0.9 V in proportion.
    leakage = static_power_w([registers], base).value
    assert leakage == pytest.approx(144.64 * 0.0222 * 0.9 / 1.1)
    # 32 GiB of HBM2 idle at 81.6 mW per GiB and take no area of the die.
    memory = Part("memory", dram("hbm2", 32 * 2**30), 1)
    assert static_power_w([memory], base).value == pytest.approx(32 * 0.0816)
    assert area([memory], base)["memory"] == Estimate(0, 0, 0)


def test_parts_at_one_path_add_up():
    parts = [
        Part("pe", flip_flops(8), 3),
        Part("pe", adder("int32"), 2),
        Part("x", adder("int8"), 1),
    ]
    found = area(parts, technology("45nm"))
    assert list(found) == ["pe", "x"]
    assert found["pe"].value == pytest.approx((24 * 4.52 + 2 * 183.27) * 1e-6)


def test_a_bf16_array_by_hand():
    # PE: 486.78 + 1471.78 + 80 · 4.52 = 2320.16 µm² at 45 nm; · 0.19 · 128² = 7.2226 mm².
    pe = [
        Part("pe", multiplier("bf16", "bf16"), 128 * 128),
        Part("pe", adder("fp32"), 128 * 128),
        Part("pe", flip_flops(16 + 16 + 16 + 32), 128 * 128),
    ]
    assert area(pe, technology("16nm"))["pe"].value == pytest.approx(7.2226, rel=1e-4)
    # TPUv4i: four such arrays take 11 % of less than 400 mm² at 7 nm (Jouppi, ISCA 2021).
    # They hold more than PEs: the sum must stay below, and its upper bound come near.
    four = area(pe, technology("7nm"))["pe"].scaled(4)
    assert four.value < 44 < four.high * 1.25


def test_scratchpads_against_published_dies():
    # TPUv4i: 128 MiB of CMEM take 28 % of less than 400 mm² at 7 nm (Jouppi, ISCA 2021).
    banks = 128 * 2**20 // 262144
    cmem = area([Part("cmem", sram(262144, 256), banks)], technology("7nm"))["cmem"]
    assert cmem.value < 112 < cmem.high * 1.1
    # Bits alone, 0.027 µm² each, are the floor.
    assert cmem.value > 128 * 2**20 * 8 * 0.027e-6


@pytest.mark.parametrize(
    ("primitive", "verb", "words"),
    [
        (Primitive("multplier", ("int8", "int8")), "operate", ["'multplier'", "'multiplier'"]),
        (Primitive("quantum"), "read", ["'quantum'", "known: multiplier, adder"]),
        (multiplier("int8", "int8"), "multiply", ["multiplier", "'multiply'", "operate"]),
        (flip_flops(8), "read", ["flip_flop", "'read'", "write"]),
        (Primitive("link", device="nvlink"), "move", ["'nvlink'", "'nvlink_c2c'"]),
        (Primitive("wire", length_um=5), "move", ["wire", "0 bits"]),
        (dram("hbm2f"), "read", ["'hbm2f'", "did you mean 'hbm2'"]),
        (Primitive("adder", ("int8", "int8")), "operate", ["2 operand formats", "expected 1"]),
    ],
)
def test_unknown_things_are_named(primitive, verb, words):
    with pytest.raises(CyclelabError) as caught:
        technology("45nm").action_energy_pj(primitive, verb)
    for word in words:
        assert word in str(caught.value)


def test_an_own_technology_overrides_and_says_so(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(
        "extends: 45nm\nname: own\nlogic_energy:\n  adders_pj:\n    int8: 0.05\n"
        "    fp16: {value: 0.3, low: 0.2, high: 0.4, source: my data sheet}\n"
    )
    own = load_technology(file)
    assert own.action_energy_pj(adder("int8"), "operate") == Estimate(0.05, 0.05, 0.05)
    assert "no source given" in own.sources_for(adder("int8"), "operate")[0]
    assert own.action_energy_pj(adder("fp16"), "operate") == Estimate(0.3, 0.2, 0.4)
    assert own.action_energy_pj(adder("int32"), "operate").value == 0.1
    assert "my data sheet" in own.source_lines()["logic_energy.adders_pj.fp16"]


def test_activity_and_supply_are_settings(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text("extends: 7nm\nsupply_v: 0.6\nswitching_activity: 0.5\n")
    own, base = load_technology(file), technology("7nm")
    # 7 nm: 0.1776 V² - 0.09097 V + 0.02447: 0.0338240 at 0.6 V, 0.0561425 at 0.75 V.
    lower = 0.033824 / 0.0561425
    product = multiplier("int8", "int8")
    before = base.action_energy_pj(product, "operate").value
    assert own.action_energy_pj(product, "operate").value == pytest.approx(before * lower / 2)
    # The clock does not care for data; wires do, and go with the square of the supply.
    clock = base.clock_energy_pj(flip_flops(8)).value
    assert own.clock_energy_pj(flip_flops(8)).value == pytest.approx(clock * lower)
    wire = Primitive("wire", bits=64, length_um=500)
    moved = base.action_energy_pj(wire, "move").value
    assert own.action_energy_pj(wire, "move").value == pytest.approx(moved * (0.6 / 0.75) ** 2 / 2)
    leakage = base.primitive_leakage_w(product).value
    assert own.primitive_leakage_w(product).value == pytest.approx(leakage * 0.6 / 0.75)
    assert own.primitive_area_um2(product) == base.primitive_area_um2(product)
    assert own.slowness == pytest.approx(3.93672 / 3.0253125)
    assert "1.30 times as long as at the nominal 0.75 V" in own.warning
    assert own.warning in own.description and base.warning == ""


def test_what_was_changed_is_in_the_name():
    changed = {"technology": {"extends": "7nm", "supply_v": 0.6, "clock": {"idle_share": 0}}}
    own = technology_from(Document.from_data(changed), ("technology",))
    assert own.name == "7nm (supply_v=0.6, clock.idle_share=0)"
    assert technology_from(Document.from_data({"technology": "7nm"}), ("technology",)).name == "7nm"
    with pytest.raises(ConfigError, match="found neither `extends`"):
        technology_from(Document.from_data({"technology": {"supply_v": 0.6}}), ("technology",))


def test_a_wire_by_hand():
    # 0.2 fF/µm · 1 mm = 200 fF; ½ · 200 fF · (0.9 V)² = 81 fJ per toggle, half of the bits toggle.
    wire = Primitive("wire", bits=1, length_um=1000)
    assert technology("45nm").action_energy_pj(wire, "move").value == pytest.approx(0.0405)
    assert technology("45nm").primitive_area_um2(wire).value == 0
    link = Primitive("link", device="nvlink_c2c")
    assert technology("45nm").action_energy_pj(link, "move").value == pytest.approx(8 * 1.3)


def test_one_source_of_areas_and_energies():
    quoted, synthesised = technology("45nm_horowitz"), technology("45nm_synthesis")
    product = multiplier("int8", "int8")
    assert quoted.primitive_area_um2(product).value == 282
    assert quoted.action_energy_pj(product, "operate").value == 0.2
    assert synthesised.primitive_area_um2(product).value == 341.28
    assert synthesised.action_energy_pj(product, "operate").value == 0.6635
    # The blocks of the other source are no points of the law: int4 is a quarter of int8.
    assert quoted.primitive_area_um2(multiplier("int4", "int4")).value == 282 / 4
    assert technology("40nm").action_energy_pj(adder("int32"), "operate").value == 0.21


def test_wrong_files_are_one_message(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text("extends: 45nm\nnode_nm: 5\n")
    with pytest.raises(CyclelabError, match="covers 7 to 130 nm"):
        load_technology(file)
    file.write_text("extends: 45nm\nlogic_area: {adders_um2: {int8x: 3}}\n")
    with pytest.raises(ConfigError, match=r"own\.yaml:2: logic_area: .*'int8x'"):
        load_technology(file)
    file.write_text("extends: 45nm\nsram: {cell: itrs-hp2}\n")
    with pytest.raises(ConfigError, match=r"own\.yaml:2: sram\.cell"):
        load_technology(file)
    file.write_text("extends: 45nm\nlogic_area: {cells_um2: {flipflop: 3}}\n")
    with pytest.raises(ConfigError, match=r"unknown cell 'flipflop'.*did you mean 'flip_flop'"):
        load_technology(file)
    file.write_text("extends: 45nm\nsupply_v: 0.3\n")
    with pytest.raises(CyclelabError, match=r"own\.yaml:2: supply_v: found 0\.3 V, expected 0\.5"):
        load_technology(file)
    for text, said in (
        ("across_nodes: {area: 3}", r"across_nodes\.area: found 3, expected"),
        (
            "clock: {idle_share: {value: 0.5, low: 0.6, high: 1, source: me}}",
            "is below its own `low`",
        ),
        (
            "clock: {tree_share: {value: 1, low: -2, high: 3, source: me}}",
            "found -2 as low, expected at least 0",
        ),
        ("switching_activity: {value: 1, source: me, quality: guess}", "'guess', expected one of"),
        ("switching_activity: 3", "found 3, expected"),
    ):
        file.write_text(f"extends: 45nm\n{text}\n")
        with pytest.raises(ConfigError, match=rf"own\.yaml:2: .*{said}"):
            load_technology(file)
    with pytest.raises(ConfigError, match="did you mean '45nm'"):
        load_technology("45mn")


def test_a_hundred_actions_are_priced_within_a_millisecond():
    base = technology_from(load_preset("technologies", "7nm"))
    counts = ActionCounts()
    for bits in range(1, 101):
        counts.add(Action(f"path{bits % 10}", flip_flops(bits), "write"), bits)
    energy(counts, base)
    start = process_time()
    for _ in range(20):
        energy(counts, base)
    assert (process_time() - start) / 20 < 1e-3
