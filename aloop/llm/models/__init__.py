"""The models of providers: their names, limits, servers and lists."""
