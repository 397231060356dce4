"""What the collector takes: `speed` (beside raw COPY), `kills` (workers die meanwhile), `memory` (of hostile senders).

Each runs a site of its own as in production, Granian with two workers, on SQLite or PostgreSQL, and puts what it
measured into `benchmarks/results/`.
"""
