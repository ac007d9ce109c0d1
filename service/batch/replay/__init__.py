"""What another version would have answered: logged rows, or those of a file, asked again and compared."""
