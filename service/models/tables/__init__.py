"""Tables: columns and their types, the plan that checks rows, and outputs."""
