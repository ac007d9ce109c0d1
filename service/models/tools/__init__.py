"""Functions that a text model may call: how its own chat template writes a call, and how a call is read back.

form.py finds out how a template writes calls, constraint.py makes a grammar of it, reader.py reads what was generated.
"""
