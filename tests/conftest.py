"""Settings of all tests."""

from hypothesis import HealthCheck, settings

# Shared machines stall at random: a slow example is no failure. Derandomised, so
# that a red run is red again.
settings.register_profile(
    "cyclelab",
    deadline=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("cyclelab")
