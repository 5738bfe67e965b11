"""The optional model on this machine: how it gets here and goes again, and the program that it runs in.

What is fetched lies in a folder of its own below the user's data; nothing of it is ever imported into aloop. A child
process serves it over HTTP, in the shape of the Messages API; ``aloop.llm.local`` is what speaks to that.
"""
