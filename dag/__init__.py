"""Decides, and does nothing else: what may run, in which groups, what comes next, when a run is over.

Rules of this folder: the standard library only; no AWS, no clock, no environment, no logging. Time and
identity arrive as arguments, results leave as values.

`document` reads the graph document; `selection` picks nodes as Kedro's filters do; `grouping` makes groups
of them; `plan` is what a run keeps of all that. `marks` and `shards` are the run's state, as grow-only sets;
`decision` derives from the state what to do. `jobs` names jobs and writes what they carry.
"""
