"""What was asked and answered, in files of JSON lines or Parquet."""
