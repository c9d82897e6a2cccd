"""A comparison as pictures, by the name of the file that shows them."""

from simulator.explore.pictures.area import plot_area
from simulator.explore.pictures.efficiency import plot_efficiency
from simulator.explore.pictures.overview import plot_overview

PICTURES = {
    "comparison": plot_overview,
    "comparison_area": plot_area,
    "comparison_efficiency": plot_efficiency,
}

__all__ = ["PICTURES", "plot_area", "plot_efficiency", "plot_overview"]
