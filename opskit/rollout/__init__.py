"""Change: plan, record, lock, stage, make live batch by batch behind a gate, and say what came of it.

`deploy`, `rollback`, `restart` change a service; `once` runs a task or a command on hosts; `status` and
`doctor` only look. A plan is made first and shown, then done by a `context.Run`, which records it.
"""
