"""What every process agrees on: words, tables, blobs and the life of a job."""
