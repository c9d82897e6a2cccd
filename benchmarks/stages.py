"""Where the time of the default example goes: CPU seconds per stage, written as JSON."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

CLOCK = time.process_time
EXPERIMENT = "llama2_7b_on_tpu"


class Stages:
    """Seconds by stage; `lap` ends one, `watch` times a function inside another stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {"start Python": CLOCK()}
        self.since = CLOCK()

    def lap(self, name: str, *inside: str) -> None:
        """The time since the last lap, less that of watched functions `inside`."""
        now = CLOCK()
        watched = sum(self.seconds.get(each, 0.0) for each in inside)
        self.seconds[name] = now - self.since - watched
        self.since = CLOCK()

    def watch(self, owner: Any, function: str, name: str) -> None:
        """Add up the time of every call of `owner.function`."""
        original: Callable[..., Any] = getattr(owner, function)
        self.seconds[name] = 0.0

        def timed(*arguments: Any, **options: Any) -> Any:
            began = CLOCK()
            try:
                return original(*arguments, **options)
            finally:
                self.seconds[name] += CLOCK() - began

        setattr(owner, function, timed)


def main() -> None:
    """Go through `cyclelab run` stage by stage, in an empty working directory."""
    stages = Stages()
    from simulator import cli, commands, runner
    from simulator.experiment import load_experiment

    gc.set_threshold(cli.COLLECT_AFTER)
    stages.lap("import the package")
    experiment = load_experiment(EXPERIMENT)
    stages.lap("read and check the YAML")
    stages.watch(runner, "_workload", "build the workload")
    stages.watch(runner.Mapper, "map", "map")
    stages.watch(runner, "run_program", "engine")
    result = runner.run_experiment(experiment)
    stages.lap("cost and result", "build the workload", "map", "engine")
    commands._print_summary(result)
    stages.lap("print the summary")
    commands.write_outputs(result, "results", plots=False)
    stages.lap("write JSON, CSV, timeline and HTML")
    import_module("matplotlib.backends.backend_agg")
    stages.lap("import matplotlib")
    commands._write_picture(result, Path("results/overview.png"))
    stages.lap("draw the picture")
    Path("stages.json").write_text(json.dumps(stages.seconds))


if __name__ == "__main__":
    main()
    print("\n" + Path("stages.json").read_text())
