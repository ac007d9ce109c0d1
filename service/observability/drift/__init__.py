"""Drift: whether the rows of today are those that a model was trained on.

profile.py has what packing keeps of the training sample, panes.py what the workers count, judging.py compares both. All
see a table as numbers: [rows, features], a missing cell NaN, a category as its place among the known ones, a text as
its length. None knows a model or a column's type.
"""
