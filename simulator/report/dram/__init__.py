"""A DRAM trace that was simulated, and every way to show it.

`result` is the data; `limits` finds what bounds it, `verdict` says so in words;
`console` and `document` read them, `files` writes them all.
"""
