"""The benchmark: the shop's requests beside the same SQL in pgbench and beside a bare endpoint.

``python -m bench`` measures; ``search-speed`` and ``search-quality`` are its subcommands. One
module each for the data, the server, the load, the SQL that a request sends, pgbench, the requests,
the searches, and the table that is printed.
"""
