"""How a tabular model is executed: one module a runtime."""
