"""Try a definition on the past: who would have joined and left, and what would have been sent, had it been saved then.

`plan` says at which instants what is evaluated, `replay` evaluates it, `run` does so in the background slice by
slice, `batches` turns the moves into notifications, and `summary` says it in figures.
"""
