"""Display of a running turn: streams, tool lines and permission questions."""
