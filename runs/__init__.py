"""What the functions do to runs, between the handlers that call it and the adapters that talk to AWS.

`advance` is the one door to a run; `reading`, `submitting` and `announcing` are its hands. `creation` makes runs,
`messages` sorts the queue's messages by run, `recovery` is what reconcile does, and `description` tells of runs.
Time, the log and AWS arrive as `adapters.ports.Ports`.
"""
