"""Models that read images: from bytes to an image within bounds, to the numbers of its pixels, to labels."""
