"""What the views of each blueprint do, in a module of the blueprint's name.

TAG: its group. OPERATIONS: {"POST predict": function(Place) -> Operation}, by method and view. MODEL, where its
routes are of one model: the path parameter that names it.
"""
