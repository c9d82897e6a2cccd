"""Gives the transfers of test programs places in main memory."""

from __future__ import annotations

from dataclasses import replace

from simulator.mapping.layout import ORDER
from simulator.mapping.program import Item, Loop, Program, Region


def placed(program: Program, transfers: int = 3, instances: int = 4) -> Program:
    """The program with a region per command that moves bytes, `transfers` times as large.

    instances: of each region; layers use them in turn.
    """
    kinds = list(ORDER)
    regions: list[Region] = []
    made: dict[int, Item] = {}

    def place(item: Item) -> Item:
        if id(item) not in made:
            if isinstance(item, Loop):
                made[id(item)] = replace(item, body=tuple(place(each) for each in item.body))
            elif item.transfer_bytes:
                index = len(regions)
                size = transfers * item.transfer_bytes
                regions.append(Region(f"r{index}", kinds[index % len(kinds)], size, instances))
                made[id(item)] = replace(item, region=index)
            else:
                made[id(item)] = item
        return made[id(item)]

    body = tuple(place(item) for item in program.body)
    return replace(program, body=body, regions=tuple(regions))
