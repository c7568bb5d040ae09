"""The functions' common code, between the handlers and the adapters that talk to AWS.

`advance` is the one door to a run; `reading`, `submitting` and `announcing` are its parts. `creation` makes runs,
`messages` sorts the queue's messages by run, `recovery` is what reconcile does, and `description` describes runs.
Time, the log and AWS arrive as `adapters.ports.Ports`.
"""
