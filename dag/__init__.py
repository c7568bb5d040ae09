"""Decides, and does nothing else: what may run, in which groups, what comes next, when a run is over.

Rules of this folder: the standard library only; no AWS, no clock, no environment, no logging. Time and
identity arrive as arguments, results leave as values.

`document` reads the graph document; `selection` picks nodes as Kedro's filters do; `grouping` makes groups
of them; `plan` is what a run keeps of all that. `shards` is the run's state, as grow-only sets of marks;
`decision` derives the next step from the state. `jobs` names jobs, and `payload` writes what they run.
"""
