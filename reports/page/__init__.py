"""The static HTML page of all records: works from a folder, without a server and without network."""
