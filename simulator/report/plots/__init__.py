"""Pictures of a Result, as matplotlib `Figure`s that no global state knows of.

matplotlib is imported when the first picture is drawn, not with this package.
"""

from simulator.report.plots.bars import plot_time_by_operator
from simulator.report.plots.components import plot_area_by_component, plot_energy_by_component
from simulator.report.plots.energy_by_operator import plot_energy_by_operator
from simulator.report.plots.energy_roofline import plot_energy_roofline
from simulator.report.plots.overview import plot_overview
from simulator.report.plots.roofline import plot_roofline
from simulator.report.plots.timeline import plot_timeline
from simulator.report.plots.utilisation import plot_utilisation

__all__ = [
    "plot_area_by_component",
    "plot_energy_by_component",
    "plot_energy_by_operator",
    "plot_energy_roofline",
    "plot_overview",
    "plot_roofline",
    "plot_time_by_operator",
    "plot_timeline",
    "plot_utilisation",
]
