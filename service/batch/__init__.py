"""Files of rows scored offline."""
