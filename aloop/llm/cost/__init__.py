"""Prices of models, and the cost of answers and months."""
