"""Many runs seen together: comparisons of machines."""
