"""The optional model on this machine: installation, removal and server.

The packages are installed in a separate folder of the user's data directory and never imported into aloop. A child
process serves the model over HTTP with the Messages API; ``aloop.llm.local`` is its client.
"""
