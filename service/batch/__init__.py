"""Files of rows scored offline: one file or a folder, in parts, by several processes."""
