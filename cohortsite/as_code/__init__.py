"""Cohorts as code: what is stored as a file of YAML, and a file made what is stored.

`read` takes a file apart, `apply` makes the site what it says and tells what that does, `export` writes it.
"""
