"""What must hold whatever happens to the process, the disk, the file and the clock.

``python -m tests.reliability`` prints the table in its quick form, ``--full`` in its full one. Each row is a module
here, and a test of the default run in its quick form.
"""
