"""What a run found out, and every way to show it.

`result` is the data; `console`, `page`, `notebook`, `plots`, `timeline`, `tables`
and `explain` read nothing else; `files` writes them all.
"""
