"""Commands that run in the background, and the tools that watch and stop them."""
