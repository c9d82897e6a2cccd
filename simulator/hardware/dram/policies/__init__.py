"""Policies of the controller, one file each; `registry` finds them by name."""
